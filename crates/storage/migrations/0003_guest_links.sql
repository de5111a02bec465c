-- Our own direct links. The body is a links::guest::GuestLink; beside it stand
-- the columns that links are found by. Neither holds a token, only its hash.
CREATE TABLE guest_links (
    seat TEXT NOT NULL PRIMARY KEY,
    visit TEXT NOT NULL REFERENCES visits (visit) ON DELETE CASCADE,
    token BYTEA NOT NULL UNIQUE,
    body TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX guest_links_of_visit ON guest_links (visit);
