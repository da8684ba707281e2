-- no-transaction
-- Sessions that wait for a place: a state of their own, and since when, in which order they are served. SQLite can't change
-- a check, so that the table is made anew; those that refer to it must not notice.
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;

-- They ask for sessions, which are not there for a moment.
DROP TRIGGER machines_held_one_more;
DROP TRIGGER machines_held_by_another;
DROP TRIGGER machines_held_one_less;

CREATE TABLE sessions_new (
    number          INTEGER PRIMARY KEY,
    session         TEXT NOT NULL UNIQUE,
    owner           TEXT NOT NULL,
    provider        TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN
        ('waiting-for-offer', 'queued', 'starting', 'signing-in', 'saving', 'succeeded', 'failed', 'cancelled', 'timed-out')),
    ended           INTEGER NOT NULL CHECK (ended = (state IN ('succeeded', 'failed', 'cancelled', 'timed-out'))),
    deadline_at     INTEGER,
    queued_at       INTEGER,
    created_at      INTEGER NOT NULL,
    machine         TEXT REFERENCES machines (machine) DEFERRABLE INITIALLY DEFERRED,
    body            TEXT NOT NULL CHECK (json_valid(body)),
    version         INTEGER NOT NULL CHECK (version >= 1),
    idempotency_key TEXT,
    UNIQUE (owner, idempotency_key),
    CHECK (ended = 0 OR deadline_at IS NULL),
    CHECK ((state = 'queued') = (queued_at IS NOT NULL)),
    -- Who waits for a place has none.
    CHECK (queued_at IS NULL OR machine IS NULL)
) STRICT;
INSERT INTO sessions_new
SELECT number, session, owner, provider, state, ended, deadline_at, NULL, created_at, machine, body, version, idempotency_key
FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_new RENAME TO sessions;

CREATE INDEX sessions_of_owner ON sessions (owner, number);
CREATE INDEX sessions_live ON sessions (number) WHERE ended = 0 OR machine IS NOT NULL;
CREATE INDEX sessions_queued ON sessions (queued_at, number) WHERE queued_at IS NOT NULL;

-- one-end
CREATE TRIGGER sessions_end_once BEFORE UPDATE ON sessions WHEN OLD.ended AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'a session ends once'); END;

CREATE TRIGGER sessions_versions_grow BEFORE UPDATE ON sessions WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a session''s version grows by one'); END;

-- As before.
CREATE TRIGGER machines_held_one_more AFTER INSERT ON machines WHEN NEW.seen <> 'gone'
BEGIN
    INSERT INTO machines_held (owner, machines)
    VALUES (coalesce((SELECT owner FROM sessions WHERE session = NEW.session), ''), 1)
    ON CONFLICT (owner) DO UPDATE SET machines = machines + 1;
END;

CREATE TRIGGER machines_held_by_another AFTER UPDATE OF session ON machines WHEN OLD.session IS NULL AND NEW.seen <> 'gone'
BEGIN
    UPDATE machines_held SET machines = machines - 1 WHERE owner = '';
    INSERT INTO machines_held (owner, machines) SELECT owner, 1 FROM sessions WHERE session = NEW.session
    ON CONFLICT (owner) DO UPDATE SET machines = machines + 1;
END;

CREATE TRIGGER machines_held_one_less AFTER UPDATE OF seen ON machines WHEN OLD.seen <> 'gone' AND NEW.seen = 'gone'
BEGIN
    UPDATE machines_held SET machines = machines - 1
    WHERE owner = coalesce((SELECT owner FROM sessions WHERE session = NEW.session), '');
END;

COMMIT;
PRAGMA foreign_keys = ON;
