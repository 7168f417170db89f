-- Chat: whose account is whose, what platforms sent, what was posted, and what belongs to a request beside its state.

-- A chat account that is linked. The platform's own ids; at most one identity for an account, one account of a
-- workspace for an identity.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    chat TEXT NOT NULL,
    workspace TEXT NOT NULL,
    account TEXT NOT NULL,
    made BIGINT NOT NULL,
    ended BIGINT
);
CREATE UNIQUE INDEX accounts_whose ON accounts (chat, workspace, account) WHERE ended IS NULL;
CREATE UNIQUE INDEX accounts_of ON accounts (identity, chat, workspace) WHERE ended IS NULL;

-- A linking that was begun. `state` and `code` are kept as SHA-256; `account` is what the platform proved.
CREATE TABLE links (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    chat TEXT NOT NULL,
    state TEXT NOT NULL UNIQUE,
    nonce TEXT NOT NULL,
    code TEXT,
    workspace TEXT,
    account TEXT,
    tries BIGINT NOT NULL,
    made BIGINT NOT NULL,
    until BIGINT NOT NULL,
    used BIGINT
);

-- What a platform sent, as it came. `token` is the same for each delivery of the same thing.
CREATE TABLE letters (
    id TEXT PRIMARY KEY,
    chat TEXT NOT NULL,
    token TEXT NOT NULL,
    body TEXT NOT NULL,
    made BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    claimed TEXT,
    tries BIGINT NOT NULL,
    done BIGINT
);
CREATE UNIQUE INDEX letters_once ON letters (chat, token);
CREATE INDEX letters_open ON letters (made) WHERE done IS NULL;

-- A card. Its id is what its buttons carry. `message` is missing while nobody knows whether it was posted; `gone` when
-- the platform has lost it. `lease`: whoever posts it holds it until then. `shown` is a hash of what stands there, so that nothing is written twice.
CREATE TABLE cards (
    id TEXT PRIMARY KEY,
    about TEXT NOT NULL,
    role TEXT NOT NULL,
    chat TEXT NOT NULL,
    place TEXT NOT NULL,
    message TEXT,
    shown TEXT,
    made BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    gone BIGINT
);
CREATE UNIQUE INDEX cards_one ON cards (about, role, chat, place);
CREATE INDEX cards_about ON cards (about);

-- Something about a request: a question and its answer, who is looking at it, who has read all of its text.
CREATE TABLE remarks (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL REFERENCES requests (id),
    identity TEXT NOT NULL REFERENCES identities (id),
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    made BIGINT NOT NULL,
    answer TEXT,
    answered BIGINT
);
CREATE INDEX remarks_of ON remarks (request, made);

-- Who asked where somebody asked for somebody else; what an edit replaced, and by what; what became of an operation.
ALTER TABLE requests ADD COLUMN asked_by TEXT;
ALTER TABLE requests ADD COLUMN replaced TEXT;
ALTER TABLE requests ADD COLUMN outcome TEXT;

-- What somebody asked for before, for those who decide.
CREATE INDEX requests_of ON requests (identity, made);
