-- TEXT and BIGINT only, on both engines. Ids are text, times are microseconds since 1970 UTC, "happened" is a
-- nullable time, enums are text, structures that no query looks into are JSON text.

CREATE TABLE identities (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    made BIGINT NOT NULL,
    suspended BIGINT
);

-- `hash` is HMAC-SHA-256 of the token under a key that is not in the database.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    hash TEXT NOT NULL,
    label TEXT NOT NULL,
    made BIGINT NOT NULL,
    until BIGINT NOT NULL,
    revoked BIGINT,
    used BIGINT
);
CREATE INDEX tokens_of ON tokens (identity);

-- `version` settles races: every change is "... WHERE version = $n".
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    identity TEXT NOT NULL REFERENCES identities (id),
    made BIGINT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL,
    needs TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    due BIGINT,
    session TEXT
);
CREATE INDEX requests_due ON requests (due) WHERE due IS NOT NULL;
CREATE INDEX requests_made ON requests (made);
CREATE INDEX requests_of_session ON requests (session) WHERE session IS NOT NULL;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    request TEXT NOT NULL UNIQUE REFERENCES requests (id),
    identity TEXT NOT NULL REFERENCES identities (id),
    target TEXT NOT NULL,
    access TEXT NOT NULL,
    begins BIGINT NOT NULL,
    until BIGINT NOT NULL,
    emergency BIGINT NOT NULL,
    reminded BIGINT NOT NULL,
    ended BIGINT,
    ending TEXT,
    reviewed BIGINT
);
CREATE INDEX grants_live ON grants (until) WHERE ended IS NULL;
CREATE INDEX grants_of ON grants (identity, begins);
-- While one break-glass grant is not reviewed, the same person has no second.
CREATE UNIQUE INDEX grants_one_emergency ON grants (identity) WHERE emergency = 1 AND reviewed IS NULL;

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    started BIGINT NOT NULL,
    seen BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    grant_id TEXT NOT NULL REFERENCES grants (id),
    target TEXT NOT NULL,
    access TEXT NOT NULL,
    client TEXT NOT NULL,
    application TEXT NOT NULL,
    begins BIGINT NOT NULL,
    ended BIGINT,
    ending TEXT,
    totals TEXT NOT NULL,
    recording TEXT NOT NULL,
    node TEXT NOT NULL REFERENCES nodes (id),
    asked_to_end BIGINT,
    uninspected TEXT
);
CREATE INDEX sessions_live ON sessions (node) WHERE ended IS NULL;
CREATE INDEX sessions_made ON sessions (begins);

CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    told TEXT NOT NULL,
    made BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    claimed TEXT,
    done BIGINT
);
CREATE INDEX notices_open ON notices (made) WHERE done IS NULL;

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    made BIGINT NOT NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    about TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- One row: whoever appends to the log takes it first.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE audit_signed (
    seq BIGINT PRIMARY KEY,
    made BIGINT NOT NULL,
    note TEXT NOT NULL
);
