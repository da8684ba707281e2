-- no-transaction
-- Machines that wait for sessions: a row without a session, which an offer of a session binds once. SQLite can't make a
-- column nullable, so that the table is made anew; `sessions` refers to it, and must not notice.
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
    wanted       TEXT NOT NULL CHECK (wanted IN ('running', 'gone')),
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
SELECT number, machine, session, driver, address, wanted, seen, seen_at, attempts, token_digest, created_at, '' FROM machines;
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

COMMIT;
PRAGMA foreign_keys = ON;
