-- Runs: sessions that use a credential in place of bringing one, and the leases of those that have one holder at a time.
ALTER TABLE sessions ADD COLUMN run INTEGER NOT NULL DEFAULT 0 CHECK (run IN (0, 1));

CREATE TRIGGER sessions_stay_runs_or_sign_ins BEFORE UPDATE ON sessions WHEN NEW.run <> OLD.run
BEGIN SELECT RAISE(ABORT, 'a run stays a run, and a sign-in a sign-in'); END;

-- offer-first: the method says nothing of a run, which has no desktop.
DROP TRIGGER machines_need_an_offer;
CREATE TRIGGER machines_need_an_offer BEFORE INSERT ON machines
WHEN EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND method = 'desktop' AND run = 0)
     AND NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a machine with a desktop needs a stored offer'); END;

DROP TRIGGER machines_are_bound_by_an_offer;
CREATE TRIGGER machines_are_bound_by_an_offer BEFORE UPDATE ON machines
WHEN NEW.session IS NOT OLD.session
     AND EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND method = 'desktop' AND run = 0)
     AND NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a pooled machine is bound by a stored offer'); END;

DROP TRIGGER offers_need_a_desktop;
CREATE TRIGGER offers_need_a_desktop BEFORE INSERT ON offers
WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND method = 'desktop' AND run = 0)
BEGIN SELECT RAISE(ABORT, 'an offer needs a session with a desktop'); END;

-- one-holder: a credential that rotates is one run's, until that has ended and its machine is gone. No reference to
-- `credentials`: a credential that is forgotten meanwhile must not come back by its run.
CREATE TABLE leases (
    credential TEXT PRIMARY KEY,
    session    TEXT NOT NULL UNIQUE REFERENCES sessions (session),
    -- The version that the run has, or has written back last.
    version    INTEGER NOT NULL CHECK (version >= 1),
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER leases_are_of_runs BEFORE INSERT ON leases
WHEN EXISTS (SELECT 1 FROM leases WHERE credential = NEW.credential)
     OR NOT EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND run = 1 AND ended = 0)
BEGIN SELECT RAISE(ABORT, 'a lease is of one run that has not ended'); END;

CREATE TRIGGER leases_grow BEFORE UPDATE ON leases
WHEN NEW.credential <> OLD.credential OR NEW.session <> OLD.session OR NEW.since <> OLD.since
     OR NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a lease stays with its run, and its version grows by one'); END;

CREATE TRIGGER leases_outlive_machines BEFORE DELETE ON leases
WHEN EXISTS (SELECT 1 FROM sessions WHERE session = OLD.session AND (ended = 0 OR machine IS NOT NULL))
BEGIN SELECT RAISE(ABORT, 'a lease ends when its run has ended and its machine is gone'); END;
