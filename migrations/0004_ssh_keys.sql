-- Public keys that people sign in with over SSH. A key is one person's: whoever bound it proved that they hold its private half.
CREATE TABLE ssh_keys (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    fingerprint TEXT NOT NULL,
    label TEXT NOT NULL,
    made BIGINT NOT NULL,
    until BIGINT NOT NULL,
    revoked BIGINT,
    used BIGINT
);
CREATE INDEX ssh_keys_of ON ssh_keys (identity);
CREATE UNIQUE INDEX ssh_keys_once ON ssh_keys (fingerprint) WHERE revoked IS NULL;
