-- The weekly digest: one for each manager and week, whatever restarts and however many nodes there are.

-- `due` is when time alone changes it: not reviewed by then, it goes to the manager's manager. Nothing where there is
-- nothing to review, or that has happened.
CREATE TABLE digests (
    id TEXT PRIMARY KEY,
    manager TEXT NOT NULL,
    week TEXT NOT NULL,
    made BIGINT NOT NULL,
    content TEXT NOT NULL,
    due BIGINT,
    escalated BIGINT,
    escalated_to TEXT,
    reviewed BIGINT,
    reviewed_by TEXT,
    UNIQUE (manager, week)
);
CREATE INDEX digests_of_week ON digests (week);
CREATE INDEX digests_due ON digests (due) WHERE due IS NOT NULL;
CREATE INDEX digests_escalated ON digests (week) WHERE escalated IS NOT NULL;

-- A week's rows are found without reading all that ever was.
CREATE INDEX grants_begun ON grants (begins);
CREATE INDEX grants_over ON grants (ended) WHERE ended IS NOT NULL;
CREATE INDEX sessions_over ON sessions (ended) WHERE ended IS NOT NULL;
CREATE INDEX sessions_under ON sessions (grant_id);
