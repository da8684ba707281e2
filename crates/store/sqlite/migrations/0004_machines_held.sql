-- How many machines of each owner are not gone; those that wait for a session are nobody's, under the empty name. Each click
-- asks; counting them anew would take longer with each machine.

CREATE TABLE machines_held (
    owner    TEXT PRIMARY KEY,
    machines INTEGER NOT NULL CHECK (machines >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO machines_held (owner, machines)
SELECT coalesce(owner, ''), count(*) FROM machines LEFT JOIN sessions USING (session) WHERE seen <> 'gone' GROUP BY 1;

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
