-- Personal tokens: what programs show in place of a person. The values are nowhere; these are their digests.

CREATE TABLE tokens (
    token        TEXT PRIMARY KEY,
    -- SHA-256 of the value; never the value.
    digest       TEXT NOT NULL UNIQUE,
    user         TEXT NOT NULL,
    name         TEXT NOT NULL,
    -- An array of scopes.
    scopes       TEXT NOT NULL CHECK (json_valid(scopes)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens (user, created_at);
