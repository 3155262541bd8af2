"""The tables of the ledger's database, as SQL.

Records are only ever added: what happens to a thing is another row (a settlement, a revocation, a vote, a decision, a
lift), never a changed one. What each row states stands in the log entry of its `entry` column.
"""

_LOG = """
CREATE TABLE ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    schema_version INTEGER NOT NULL,
    origin TEXT NOT NULL,
    log_key TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    body BLOB NOT NULL CHECK (length(body) > 0)
) STRICT;

CREATE TABLE entry_facts (
    entry INTEGER PRIMARY KEY REFERENCES entries (position),
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    person TEXT NOT NULL,
    datasets TEXT NOT NULL,
    purpose TEXT,
    decision TEXT,
    text_tag TEXT
) STRICT;

CREATE TABLE hashes (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    size INTEGER NOT NULL CHECK (size >= 0),
    note TEXT NOT NULL
) STRICT;
"""

_PEOPLE = """
CREATE TABLE people (
    name TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('administrator', 'steward', 'analyst', 'reviewer', 'officer')),
    identity TEXT NOT NULL,
    token_digest BLOB NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL,
    human TEXT NOT NULL AS (CASE identity WHEN '' THEN name ELSE identity END) VIRTUAL
) STRICT;
CREATE INDEX people_by_human ON people (human);

CREATE TABLE person_keys (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (name),
    sealing BLOB NOT NULL CHECK (length(sealing) = 32),
    signing BLOB NOT NULL CHECK (length(signing) = 32),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    UNIQUE (id, person)
) STRICT;
CREATE INDEX person_keys_by_person ON person_keys (person, entry);
"""

_DATASETS = """
CREATE TABLE spaces (
    name TEXT PRIMARY KEY,
    mode TEXT NOT NULL CHECK (mode IN ('zcdp', 'pure')),
    epsilon TEXT NOT NULL,
    delta TEXT NOT NULL,
    buckets INTEGER NOT NULL CHECK (buckets > 0),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position)
) STRICT;

CREATE TABLE datasets (
    name TEXT PRIMARY KEY,
    space TEXT REFERENCES spaces (name),
    description TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    UNIQUE (name, space)
) STRICT;

CREATE TABLE versions (
    dataset TEXT NOT NULL REFERENCES datasets (name),
    number INTEGER NOT NULL CHECK (number > 0),
    manifest TEXT NOT NULL,
    segments INTEGER NOT NULL CHECK (segments > 0),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    PRIMARY KEY (dataset, number)
) STRICT;

CREATE TABLE accounts (
    space TEXT NOT NULL REFERENCES spaces (name),
    kind TEXT NOT NULL CHECK (kind IN ('space', 'dataset', 'grant', 'analyst')),
    owner TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('zcdp', 'pure')),
    limit_units INTEGER NOT NULL,
    limit_delta INTEGER NOT NULL,
    spent_units INTEGER NOT NULL DEFAULT 0,
    spent_delta INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (space, kind, owner),
    CHECK (spent_units >= 0 AND spent_units <= limit_units AND limit_units <= 9000000000000000000),
    CHECK (spent_delta >= 0 AND spent_delta <= limit_delta AND limit_delta <= 9000000000000000000)
) STRICT, WITHOUT ROWID;
"""

# A grant's terms are its document; the other columns repeat what rules and searches need of it.
_GRANTS = """
CREATE TABLE grant_requests (
    id TEXT PRIMARY KEY,
    analyst TEXT NOT NULL REFERENCES people (name),
    document TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL,
    UNIQUE (id, analyst)
) STRICT;
CREATE INDEX grant_requests_by_analyst ON grant_requests (analyst, entry);

CREATE TABLE declines (
    request TEXT PRIMARY KEY REFERENCES grant_requests (id),
    reason TEXT NOT NULL,
    decided_by TEXT NOT NULL REFERENCES people (name),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position)
) STRICT;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    analyst TEXT NOT NULL REFERENCES people (name),
    request TEXT NOT NULL UNIQUE,
    uses INTEGER CHECK (uses > 0),
    given_by TEXT NOT NULL REFERENCES people (name),
    document TEXT NOT NULL,
    signature TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    UNIQUE (id, analyst),
    FOREIGN KEY (request, analyst) REFERENCES grant_requests (id, analyst)
) STRICT;
CREATE INDEX grants_by_analyst ON grants (analyst, entry);

CREATE TABLE granted_datasets (
    grant_id TEXT NOT NULL REFERENCES grants (id),
    place INTEGER NOT NULL CHECK (place >= 0),
    dataset TEXT NOT NULL REFERENCES datasets (name),
    PRIMARY KEY (grant_id, place),
    UNIQUE (grant_id, dataset)
) STRICT;

CREATE TABLE revocations (
    grant_id TEXT PRIMARY KEY REFERENCES grants (id),
    reason TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position)
) STRICT;

CREATE TABLE freezes (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL CHECK (subject IN ('person', 'grant', 'dataset')),
    name TEXT NOT NULL,
    set_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL
) STRICT;
CREATE INDEX freezes_by_name ON freezes (subject, name);

CREATE TABLE lifts (
    freeze TEXT NOT NULL REFERENCES freezes (id),
    place INTEGER NOT NULL CHECK (place IN (1, 2)),
    officer TEXT NOT NULL REFERENCES people (name),
    reason TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    PRIMARY KEY (freeze, place)
) STRICT;

CREATE VIEW frozen AS SELECT id, subject, name FROM freezes
WHERE NOT EXISTS (SELECT 1 FROM lifts WHERE freeze = freezes.id AND place = 2);
"""

# `use` numbers the queries of a grant from 1: how often it was used is found without counting. What a query reads beside its
# first dataset is in `also_read`, and what it is asked under beside its first grant in `also_under`: their rows are there
# before the query's own, so that its rules and its debit see them.
_QUERIES = """
CREATE TABLE queries (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    use INTEGER NOT NULL CHECK (use > 0),
    dataset TEXT NOT NULL,
    space TEXT NOT NULL,
    key_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    units INTEGER NOT NULL,
    delta INTEGER NOT NULL CHECK (delta >= 0),
    reused_of TEXT REFERENCES queries (id),
    answer_key TEXT NOT NULL,
    idempotency BLOB NOT NULL CHECK (length(idempotency) = 32),
    body BLOB NOT NULL CHECK (length(body) = 32),
    request BLOB NOT NULL,
    accepted_at TEXT NOT NULL,
    visible_at TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL,
    UNIQUE (person, idempotency),
    UNIQUE (grant_id, use),
    FOREIGN KEY (grant_id, person) REFERENCES grants (id, analyst),
    FOREIGN KEY (grant_id, dataset) REFERENCES granted_datasets (grant_id, dataset),
    FOREIGN KEY (dataset, space) REFERENCES datasets (name, space),
    FOREIGN KEY (key_id, person) REFERENCES person_keys (id, person),
    CHECK (units > 0 AND reused_of IS NULL OR units = 0 AND delta = 0 AND reused_of IS NOT NULL)
) STRICT;
CREATE INDEX queries_by_answer ON queries (grant_id, answer_key) WHERE reused_of IS NULL;
CREATE INDEX queries_by_person ON queries (person, entry);

CREATE TABLE also_read (
    query TEXT NOT NULL REFERENCES queries (id) DEFERRABLE INITIALLY DEFERRED,
    dataset TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (query, dataset),
    FOREIGN KEY (dataset, version) REFERENCES versions (dataset, number)
) STRICT;

CREATE TABLE also_under (
    query TEXT NOT NULL REFERENCES queries (id) DEFERRABLE INITIALLY DEFERRED,
    grant_id TEXT NOT NULL REFERENCES grants (id),
    use INTEGER NOT NULL CHECK (use > 0),
    mac TEXT NOT NULL,
    PRIMARY KEY (query, grant_id),
    UNIQUE (grant_id, use)
) STRICT;

CREATE VIEW asked_under AS SELECT id AS query, grant_id FROM queries UNION ALL SELECT query, grant_id FROM also_under;

CREATE TABLE settlements (
    order_id TEXT PRIMARY KEY REFERENCES queries (order_id),
    outcome TEXT NOT NULL CHECK (outcome IN ('committed', 'forfeited')),
    answer BLOB,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    CHECK ((outcome = 'committed') = (answer IS NOT NULL))
) STRICT;
"""

_REVIEWS = """
CREATE TABLE reviews (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE REFERENCES settlements (order_id),
    outcome TEXT NOT NULL CHECK (outcome IN ('automatic', 'sampled', 'held')),
    votes INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    profile TEXT NOT NULL,
    digest TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES settlements (entry),
    CHECK (outcome = 'held' AND votes IN (1, 2) OR outcome <> 'held' AND votes = 0)
) STRICT;
CREATE INDEX reviews_for_people ON reviews (entry) WHERE outcome <> 'automatic';

CREATE TABLE votes (
    review TEXT NOT NULL REFERENCES reviews (id),
    place INTEGER NOT NULL CHECK (place > 0),
    reviewer TEXT NOT NULL REFERENCES people (name),
    verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'reject')),
    reason TEXT NOT NULL,
    round TEXT NOT NULL CHECK (round IN ('independent', 'consolidation', 'third', 'afterwards')),
    digest TEXT NOT NULL,
    at TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL,
    PRIMARY KEY (review, place)
) STRICT;

CREATE TABLE decisions (
    review TEXT PRIMARY KEY REFERENCES reviews (id),
    outcome TEXT NOT NULL CHECK (outcome IN ('approved', 'rejected', 'withdrawn', 'lapsed')),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position)
) STRICT;

CREATE TABLE releases (
    order_id TEXT PRIMARY KEY REFERENCES queries (order_id),
    query TEXT NOT NULL UNIQUE REFERENCES queries (id),
    review TEXT NOT NULL UNIQUE REFERENCES decisions (review),
    key_id TEXT NOT NULL REFERENCES person_keys (id),
    certificate TEXT NOT NULL,
    envelope BLOB NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position)
) STRICT;
"""

TABLES = _LOG + _PEOPLE + _DATASETS + _GRANTS + _QUERIES + _REVIEWS
"""Every table, view and index."""
