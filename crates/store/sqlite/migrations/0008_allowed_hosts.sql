-- Hosts that a person allows the machines of a provider to reach, where machines are restricted.
CREATE TABLE allowed_hosts (
    owner      TEXT NOT NULL,
    provider   TEXT NOT NULL,
    -- A name, or `*.` and a name.
    host       TEXT NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    allowed_at INTEGER NOT NULL,
    PRIMARY KEY (owner, provider, host)
) STRICT, WITHOUT ROWID;
