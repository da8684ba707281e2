-- View-only connections (WHEP). Nothing of them is in a session's row: a view never changes its session.

-- One row for each session that was viewed: each commit to its views takes the next version, so that two that were
-- decided on the same state can't both be stored.
CREATE TABLE view_logs (
    session TEXT PRIMARY KEY REFERENCES sessions (session),
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER view_logs_versions_grow BEFORE UPDATE ON view_logs WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a view log''s version grows by one'); END;

-- `body` is the view; the columns beside it are derived from it, in one place (views.rs). `number` is the order in
-- which they came.
CREATE TABLE views (
    number  INTEGER PRIMARY KEY,
    view    TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL REFERENCES view_logs (session),
    state   TEXT NOT NULL CHECK (state IN ('offered', 'answered', 'refused', 'closed')),
    body    TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE INDEX views_open ON views (session, number) WHERE state IN ('offered', 'answered');

-- The check for another one also refuses INSERT OR REPLACE, for which no trigger on UPDATE fires.
CREATE TRIGGER views_begin_once BEFORE INSERT ON views
WHEN NEW.state <> 'offered' OR EXISTS (SELECT 1 FROM views WHERE view = NEW.view)
BEGIN SELECT RAISE(ABORT, 'a view begins once, with its offer'); END;

CREATE TRIGGER views_go_one_way BEFORE UPDATE ON views
WHEN NEW.view <> OLD.view OR NEW.session <> OLD.session OR (NEW.state <> OLD.state AND (OLD.state IN ('refused', 'closed')
     OR NEW.state = 'offered' OR (OLD.state = 'answered' AND NEW.state <> 'closed')))
BEGIN SELECT RAISE(ABORT, 'a view that is over or answered stays so'); END;

-- What the guest reads.
CREATE TABLE view_entries (
    session TEXT NOT NULL REFERENCES view_logs (session),
    seq     INTEGER NOT NULL CHECK (seq >= 1),
    view    TEXT NOT NULL REFERENCES views (view),
    body    TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER view_entries_without_gaps BEFORE INSERT ON view_entries
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM view_entries WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a log of views has no gaps'); END;

CREATE TRIGGER view_entries_never_change BEFORE UPDATE ON view_entries
BEGIN SELECT RAISE(ABORT, 'an entry of a log of views never changes'); END;

CREATE TABLE view_answers (
    view TEXT PRIMARY KEY REFERENCES views (view),
    sdp  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER view_answers_are_the_first BEFORE INSERT ON view_answers
WHEN EXISTS (SELECT 1 FROM view_answers WHERE view = NEW.view)
BEGIN SELECT RAISE(ABORT, 'a view takes one answer'); END;

CREATE TRIGGER view_answers_never_change BEFORE UPDATE ON view_answers
BEGIN SELECT RAISE(ABORT, 'the answer of a view never changes'); END;
