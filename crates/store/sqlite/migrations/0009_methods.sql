-- Sign-ins without a desktop: a session says by which method the person signs in, and one without a desktop needs no offer.
ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'desktop' CHECK (method IN ('desktop', 'device', 'paste'));

CREATE TRIGGER sessions_keep_their_method BEFORE UPDATE ON sessions WHEN NEW.method <> OLD.method
BEGIN SELECT RAISE(ABORT, 'a session keeps its method'); END;

-- offer-first
DROP TRIGGER machines_need_an_offer;
CREATE TRIGGER machines_need_an_offer BEFORE INSERT ON machines
WHEN EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND method = 'desktop')
     AND NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a machine with a desktop needs a stored offer'); END;

DROP TRIGGER machines_are_bound_by_an_offer;
CREATE TRIGGER machines_are_bound_by_an_offer BEFORE UPDATE ON machines
WHEN NEW.session IS NOT OLD.session AND EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND method = 'desktop')
     AND NOT EXISTS (SELECT 1 FROM offers WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a pooled machine is bound by a stored offer'); END;

CREATE TRIGGER offers_need_a_desktop BEFORE INSERT ON offers
WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session AND method = 'desktop')
BEGIN SELECT RAISE(ABORT, 'an offer needs a session with a desktop'); END;

-- What people paste on its way to the machine: a SealedText, for as long as its session lives.
CREATE TABLE pastes (
    session TEXT NOT NULL REFERENCES sessions (session),
    number  INTEGER NOT NULL CHECK (number >= 1),
    sealed  TEXT NOT NULL CHECK (json_valid(sealed)),
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER pastes_without_gaps BEFORE INSERT ON pastes
WHEN NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM pastes WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'the numbers of pastes have no gaps'); END;

CREATE TRIGGER pastes_never_change BEFORE UPDATE ON pastes
BEGIN SELECT RAISE(ABORT, 'a paste never changes'); END;

CREATE TRIGGER pastes_end_with_their_session AFTER UPDATE OF ended ON sessions WHEN NEW.ended AND NOT OLD.ended
BEGIN DELETE FROM pastes WHERE session = NEW.session; END;

-- The method that a person chose last for a provider.
CREATE TABLE chosen_methods (
    owner    TEXT NOT NULL,
    provider TEXT NOT NULL,
    method   TEXT NOT NULL CHECK (method IN ('desktop', 'device', 'paste')),
    PRIMARY KEY (owner, provider)
) STRICT, WITHOUT ROWID;
