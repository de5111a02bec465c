-- Entries are only ever appended. Where the schema's owner is another role
-- than the program's, PostgreSQL can hold the program to it:
--   REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM anteroom;
CREATE TABLE audit_log (
    number BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    hash BYTEA NOT NULL
);

-- The end of the chain, in one row that whoever appends locks. It also tells
-- when the newest entries are gone.
CREATE TABLE audit_chain (
    length BIGINT NOT NULL,
    hash BYTEA
);
INSERT INTO audit_chain (length) VALUES (0);

-- For deleting what is old, and what belongs to it.
CREATE INDEX visits_ended ON visits (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX visit_csns_of_visit ON visit_csns (visit);
CREATE INDEX tab_sessions_of_seat ON tab_sessions (seat);
CREATE INDEX notices_age ON notices (happened_at);
