-- The logs of machines that ended badly, kept when they were destroyed; secrets are masked in them. How many are kept is the
-- program's to say; how long one may be is said here too, so that no mistake fills the disk.
CREATE TABLE failed_machines (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    machine   TEXT NOT NULL UNIQUE REFERENCES machines (machine),
    code      TEXT NOT NULL,
    detail    TEXT NOT NULL,
    failed_at INTEGER NOT NULL,
    log       TEXT NOT NULL CHECK (length(CAST(log AS BLOB)) <= 65536)
) STRICT;
