-- Public keys that people sign in with over SSH. A key is one person's: whoever bound it proved that they hold its private half. It is
-- worth no more than the token that it was bound with: when that is revoked, so is the key.
CREATE TABLE ssh_keys (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    token TEXT NOT NULL REFERENCES tokens (id),
    fingerprint TEXT NOT NULL,
    label TEXT NOT NULL,
    made BIGINT NOT NULL,
    until BIGINT NOT NULL,
    revoked BIGINT,
    used BIGINT
);
CREATE INDEX ssh_keys_of ON ssh_keys (identity);
CREATE UNIQUE INDEX ssh_keys_once ON ssh_keys (fingerprint) WHERE revoked IS NULL;
