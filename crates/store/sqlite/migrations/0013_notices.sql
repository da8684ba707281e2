-- What was told of credentials, and what is still to be told to somebody outside.

-- The health of each credential that was told last. None is as good as `connected`.
CREATE TABLE told_health (
    credential TEXT PRIMARY KEY,
    health     TEXT NOT NULL CHECK (health IN ('connected', 'expiring', 'needs-sign-in'))
) STRICT, WITHOUT ROWID;

-- Each stays until it was taken, or was tried for the last time.
CREATE TABLE notices (
    notice     TEXT PRIMARY KEY,
    body       TEXT NOT NULL CHECK (json_valid(body)),
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_by_due ON notices (due_at);
