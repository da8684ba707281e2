-- What is known of a credential beside its contents: when it stops working for good, where its version came from, and what was
-- seen of it that says that it does not work any more.

ALTER TABLE credentials ADD COLUMN expires_at INTEGER;
ALTER TABLE credentials ADD COLUMN origin TEXT NOT NULL DEFAULT 'sign-in' CHECK (origin IN ('sign-in', 'run', 'restore'));
ALTER TABLE credentials ADD COLUMN trouble TEXT;

-- Until now it was the expiry for some providers. A token that lives shorter than the one before is not older.
UPDATE credentials SET freshness = NULL;
