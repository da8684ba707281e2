-- no-transaction
-- Failed machines that stay for a look: a third thing that can be wanted of a machine. SQLite can't change a check, so that
-- the table is made anew, as it was before; those that refer to it must not notice.
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;

CREATE TABLE machines_new (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    machine      TEXT NOT NULL UNIQUE,
    -- NULL while it is pooled.
    session      TEXT REFERENCES sessions (session),
    driver       TEXT NOT NULL,
    -- IPv4 as a number, so that the pool's range can be compared.
    address      INTEGER NOT NULL CHECK (address BETWEEN 0 AND 4294967295),
    wanted       TEXT NOT NULL CHECK (wanted IN ('running', 'kept', 'gone')),
    seen         TEXT NOT NULL CHECK (seen IN ('planned', 'creating', 'running', 'gone')),
    seen_at      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    -- SHA-256 of the machine's token; never the token.
    token_digest TEXT UNIQUE,
    created_at   INTEGER NOT NULL,
    -- A fingerprint of image and settings.
    made_from    TEXT NOT NULL,
    CHECK (seen <> 'gone' OR token_digest IS NULL)
) STRICT;
INSERT INTO machines_new
SELECT number, machine, session, driver, address, wanted, seen, seen_at, attempts, token_digest, created_at, made_from FROM machines;
DROP TABLE machines;
ALTER TABLE machines_new RENAME TO machines;

CREATE UNIQUE INDEX machines_address_held ON machines (address) WHERE seen <> 'gone';
CREATE INDEX machines_of_session ON machines (session);

-- offer-first
CREATE TRIGGER machines_need_an_offer BEFORE INSERT ON machines
WHEN NEW.session IS NOT NULL AND NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a machine needs a stored offer'); END;

CREATE TRIGGER machines_are_bound_by_an_offer BEFORE UPDATE ON machines
WHEN NEW.session IS NOT OLD.session AND NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a pooled machine is bound by a stored offer'); END;

CREATE TRIGGER machines_serve_one_session BEFORE UPDATE ON machines
WHEN OLD.session IS NOT NULL AND NEW.session IS NOT OLD.session
BEGIN SELECT RAISE(ABORT, 'a machine serves one session'); END;

CREATE TRIGGER machines_stay_gone BEFORE UPDATE ON machines WHEN OLD.seen = 'gone' AND NEW.seen <> 'gone'
BEGIN SELECT RAISE(ABORT, 'a machine that is gone never comes back'); END;

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

-- The list of those that are not gone is read in pieces, in the order in which they were planned.
CREATE INDEX machines_present ON machines (number) WHERE seen <> 'gone';
-- What waits, and what is being made.
CREATE INDEX machines_pooled ON machines (number) WHERE session IS NULL AND seen <> 'gone';
CREATE INDEX machines_being_made ON machines (number) WHERE wanted = 'running' AND seen IN ('planned', 'creating');
-- Those that are kept.
CREATE INDEX machines_kept ON machines (number) WHERE wanted = 'kept';

CREATE TRIGGER machines_are_not_wanted_again BEFORE UPDATE ON machines WHEN OLD.wanted = 'gone' AND NEW.wanted <> 'gone'
BEGIN SELECT RAISE(ABORT, 'a machine that is to go is never wanted again'); END;

COMMIT;
PRAGMA foreign_keys = ON;
