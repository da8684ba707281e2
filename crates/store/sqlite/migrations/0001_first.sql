-- The first schema. Times are milliseconds since 1970 (UnixMillis); bodies are JSON in the shapes of the Rust types;
-- words are those of the wire. The triggers hold what no decision ever asks for, against a mistake in this program.

-- --- sessions ------------------------------------------------------------------------------------

-- `body` is the session; the columns beside it are derived from it, in one place (sessions.rs), for queries and for
-- whoever looks into the database.
CREATE TABLE sessions (
    number          INTEGER PRIMARY KEY,
    session         TEXT NOT NULL UNIQUE,
    owner           TEXT NOT NULL,
    provider        TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN
        ('waiting-for-offer', 'starting', 'signing-in', 'saving', 'succeeded', 'failed', 'cancelled', 'timed-out')),
    ended           INTEGER NOT NULL CHECK (ended = (state IN ('succeeded', 'failed', 'cancelled', 'timed-out'))),
    deadline_at     INTEGER,
    created_at      INTEGER NOT NULL,
    machine         TEXT REFERENCES machines (machine) DEFERRABLE INITIALLY DEFERRED,
    body            TEXT NOT NULL CHECK (json_valid(body)),
    version         INTEGER NOT NULL CHECK (version >= 1),
    idempotency_key TEXT,
    UNIQUE (owner, idempotency_key),
    CHECK (ended = 0 OR deadline_at IS NULL)
) STRICT;
CREATE INDEX sessions_of_owner ON sessions (owner, number);
CREATE INDEX sessions_live ON sessions (number) WHERE ended = 0 OR machine IS NOT NULL;

-- one-end
CREATE TRIGGER sessions_end_once BEFORE UPDATE ON sessions WHEN OLD.ended AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'a session ends once'); END;

CREATE TRIGGER sessions_versions_grow BEFORE UPDATE ON sessions WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a session''s version grows by one'); END;

CREATE TABLE events (
    session TEXT NOT NULL REFERENCES sessions (session),
    id      INTEGER NOT NULL CHECK (id >= 1),
    body    TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (session, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER events_without_gaps BEFORE INSERT ON events
WHEN NEW.id <> 1 + (SELECT coalesce(max(id), 0) FROM events WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'an event log has no gaps'); END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;

-- --- signaling -----------------------------------------------------------------------------------

CREATE TABLE offers (
    session TEXT NOT NULL REFERENCES sessions (session),
    epoch   INTEGER NOT NULL CHECK (epoch >= 1),
    sdp     TEXT NOT NULL,
    PRIMARY KEY (session, epoch)
) STRICT, WITHOUT ROWID;

-- no-overwrite. The check before an insert also refuses INSERT OR REPLACE, for which no trigger on UPDATE fires.
CREATE TRIGGER offers_are_new_epochs BEFORE INSERT ON offers
WHEN NEW.epoch <> 1 + (SELECT coalesce(max(epoch), 0) FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'an offer is a new epoch, one more than the newest'); END;

CREATE TRIGGER offers_never_change BEFORE UPDATE ON offers
BEGIN SELECT RAISE(ABORT, 'an offer never changes'); END;

CREATE TABLE answers (
    session TEXT NOT NULL,
    epoch   INTEGER NOT NULL,
    sdp     TEXT NOT NULL,
    PRIMARY KEY (session, epoch),
    FOREIGN KEY (session, epoch) REFERENCES offers (session, epoch)
) STRICT, WITHOUT ROWID;

-- one-answer
CREATE TRIGGER answers_are_the_first BEFORE INSERT ON answers
WHEN EXISTS (SELECT 1 FROM answers WHERE session = NEW.session AND epoch = NEW.epoch)
BEGIN SELECT RAISE(ABORT, 'an epoch takes one answer'); END;

CREATE TRIGGER answers_never_change BEFORE UPDATE ON answers
BEGIN SELECT RAISE(ABORT, 'an answer never changes'); END;

CREATE TABLE candidates (
    session TEXT NOT NULL,
    epoch   INTEGER NOT NULL,
    side    TEXT NOT NULL CHECK (side IN ('browser', 'vm')),
    seq     INTEGER NOT NULL CHECK (seq >= 1),
    body    TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (session, epoch, side, seq),
    FOREIGN KEY (session, epoch) REFERENCES offers (session, epoch)
) STRICT, WITHOUT ROWID;

-- no-lost-candidate
CREATE TRIGGER candidates_without_gaps BEFORE INSERT ON candidates
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM candidates
                     WHERE session = NEW.session AND epoch = NEW.epoch AND side = NEW.side)
BEGIN SELECT RAISE(ABORT, 'a candidate log has no gaps'); END;

CREATE TRIGGER candidates_never_change BEFORE UPDATE ON candidates
BEGIN SELECT RAISE(ABORT, 'a candidate never changes'); END;

-- --- machines ------------------------------------------------------------------------------------

-- Rows stay: `number` is the order of handing out, and the latest row says where the pool goes on. AUTOINCREMENT, so
-- that no number comes twice even if old rows are cleared some day.
CREATE TABLE machines (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    machine      TEXT NOT NULL UNIQUE,
    session      TEXT NOT NULL REFERENCES sessions (session),
    driver       TEXT NOT NULL,
    -- IPv4 as a number, so that the pool's range can be compared.
    address      INTEGER NOT NULL CHECK (address BETWEEN 0 AND 4294967295),
    wanted       TEXT NOT NULL CHECK (wanted IN ('running', 'gone')),
    seen         TEXT NOT NULL CHECK (seen IN ('planned', 'creating', 'running', 'gone')),
    seen_at      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    -- SHA-256 of the machine's token; never the token.
    token_digest TEXT UNIQUE,
    created_at   INTEGER NOT NULL,
    CHECK (seen <> 'gone' OR token_digest IS NULL)
) STRICT;
CREATE UNIQUE INDEX machines_address_held ON machines (address) WHERE seen <> 'gone';
CREATE INDEX machines_of_session ON machines (session);

-- offer-first
CREATE TRIGGER machines_need_an_offer BEFORE INSERT ON machines
WHEN NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a machine needs a stored offer'); END;

CREATE TRIGGER machines_stay_gone BEFORE UPDATE ON machines WHEN OLD.seen = 'gone' AND NEW.seen <> 'gone'
BEGIN SELECT RAISE(ABORT, 'a machine that is gone never comes back'); END;

-- --- credentials ---------------------------------------------------------------------------------

CREATE TABLE credentials (
    number       INTEGER PRIMARY KEY,
    credential   TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version >= 1),
    owner        TEXT NOT NULL,
    provider     TEXT NOT NULL,
    account      TEXT,
    freshness    INTEGER,
    saved_at     INTEGER NOT NULL,
    connected_at INTEGER NOT NULL,
    -- A SealedCredential: nothing of it is plain.
    sealed       TEXT NOT NULL CHECK (json_valid(sealed)),
    UNIQUE (credential, version),
    UNIQUE (owner, provider, version)
) STRICT;

-- --- access --------------------------------------------------------------------------------------

CREATE TABLE users (
    user       TEXT PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role = 'owner'),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_one_owner ON users (role) WHERE role = 'owner';

CREATE TABLE access (
    -- SHA-256 of the value; never the value.
    digest     TEXT PRIMARY KEY,
    user       TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    once       INTEGER NOT NULL CHECK (once IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX access_by_expiry ON access (expires_at);
