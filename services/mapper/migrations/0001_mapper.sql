-- In every key the selective column comes first, so that a plan made while the tables are empty never reads a whole company
-- (decision 0005).

-- What is compared of both accounts' records. Columns in the order of core.Facts; a record without keys cannot match.
CREATE TABLE records (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    rev bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('present', 'removed', 'unreadable')),
    active boolean NOT NULL,
    number text,
    email text,
    first_name text,
    last_name text,
    first_form text NOT NULL,
    middle_form text NOT NULL,
    last_form text NOT NULL,
    generation int,
    firm boolean NOT NULL,
    gender text NOT NULL,
    number_form text NOT NULL,
    number_digits text NOT NULL,
    email_form text NOT NULL,
    phones text[] NOT NULL,
    born date,
    hired date,
    house text NOT NULL,
    street text NOT NULL,
    line2 text NOT NULL,
    city text NOT NULL,
    region text NOT NULL,
    postal text NOT NULL,
    last_words text[] NOT NULL,
    keys bigint[] NOT NULL,
    traits bigint[] NOT NULL,
    search text NOT NULL,
    PRIMARY KEY (record_id, company_id)
) WITH (fillfactor = 90);
CREATE INDEX records_account ON records (account_id);
-- Alone: of a text that need only be similar, GIN would compare each row of a column that all rows share.
CREATE INDEX records_search ON records USING gin (search muster.gin_trgm_ops);
SELECT muster.protect('records');

-- The keys of `records.keys`, one row each, mixed with their account's number: two records are compared when they share one.
-- A table, because row security keeps an index on the array from being used. Rows and index are as narrow as they can be
-- (docs/matching.md): a record has about seventeen, and nothing else is written as often.
CREATE TABLE record_keys (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    key bigint NOT NULL
);
CREATE INDEX record_keys_key ON record_keys (key);
SELECT muster.protect('record_keys');

-- How many records of both accounts have a value, where it is more than one; frozen with each complete directory.
CREATE TABLE value_counts (
    company_id uuid NOT NULL,
    field text NOT NULL,
    value text NOT NULL,
    n int NOT NULL
);
CREATE INDEX value_counts_company ON value_counts (company_id);
SELECT muster.protect('value_counts');

-- The version of a company's counts, the values counted in each field, and the gates that are open.
CREATE TABLE generations (
    company_id uuid PRIMARY KEY,
    generation int NOT NULL,
    fields text[] NOT NULL,
    totals bigint[] NOT NULL,
    destination_records int NOT NULL,
    gates text[] NOT NULL
);
SELECT muster.protect('generations');

-- The last result about each source record.
CREATE TABLE match_results (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    situation text NOT NULL,
    reason text NOT NULL,
    link_rev bigint NOT NULL,
    source_rev bigint NOT NULL,
    hash bytea NOT NULL,
    matching_version int NOT NULL,
    generation int NOT NULL,
    PRIMARY KEY (record_id, company_id)
) WITH (fillfactor = 80);
-- The cases that people decide, and what they excluded: few among many.
CREATE INDEX match_results_cases ON match_results (company_id) WHERE situation IN ('disputed', 'unlinked', 'excluded');
SELECT muster.protect('match_results');

-- Which unlinked source records name which destination records.
CREATE TABLE candidates (
    company_id uuid NOT NULL,
    destination_record_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    PRIMARY KEY (destination_record_id, source_record_id, company_id)
);
CREATE INDEX candidates_source ON candidates (source_record_id);
SELECT muster.protect('candidates');

CREATE TABLE links (
    company_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    destination_record_id uuid NOT NULL,
    source_account_id uuid NOT NULL,
    destination_account_id uuid NOT NULL,
    destination_remote_id text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('auto', 'manual', 'created')),
    actor text,
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_record_id, destination_account_id, company_id),
    UNIQUE (destination_record_id, source_account_id, company_id)
);
SELECT muster.protect('links');

-- What people decided and recomputation must not undo; a person's link stands in links. Kinds unlink and refuse name the
-- destination record that this one is not: an unlinked one is still shown as a candidate, a refused one is not. A link that
-- could not be made any more keeps why, until a person decides again.
CREATE TABLE decisions (
    company_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('unlink', 'refuse', 'create', 'exclude', 'later', 'link_taken', 'link_gone')),
    destination_record_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    actor text,
    decided_at timestamptz NOT NULL DEFAULT now(),
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (source_record_id, company_id, kind, destination_record_id)
);
SELECT muster.protect('decisions');

-- How a source record stood before the last decision about it, so that it can be taken back.
CREATE TABLE undoable_decisions (
    company_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    decision text NOT NULL,
    link json,
    decisions json NOT NULL,
    PRIMARY KEY (source_record_id, company_id)
);
SELECT muster.protect('undoable_decisions');

-- Records that we created although a person's decision stood elsewhere by then, and twins of linked records that surfaced
-- later: use or deactivate them.
CREATE TABLE match_cases (
    company_id uuid NOT NULL,
    destination_record_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    kind text NOT NULL DEFAULT 'created_by_us',
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, destination_record_id)
);
SELECT muster.protect('match_cases');

-- Records that must be decided again, walked by the worker.
CREATE TABLE due (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (company_id, record_id)
);
SELECT muster.protect('due'), muster.open_to_system('due');

CREATE TABLE completion_markers (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    as_of timestamptz NOT NULL,
    lane text NOT NULL,
    part int NOT NULL,
    parts int NOT NULL,
    PRIMARY KEY (company_id, account_id, as_of, lane, part)
);
SELECT muster.protect('completion_markers');

CREATE TABLE directories (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    -- The last marker that came whole, how far later ones extend it, and how far and on which marker all is matched.
    base_as_of timestamptz NOT NULL,
    complete_as_of timestamptz NOT NULL,
    matched_as_of timestamptz,
    matched_base timestamptz,
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('directories'), muster.open_to_system('directories');

-- What a batch writes goes as one array of rows (decision 0011), each with its fields in the order of the core's type.
CREATE TYPE record_row AS (
    company_id uuid, record_id uuid, account_id uuid, remote_id text, rev bigint, state text, active boolean, number text,
    email text, first_name text, last_name text, first_form text, middle_form text, last_form text, generation int,
    firm boolean, gender text, number_form text, number_digits text, email_form text, phones text[], born date, hired date,
    house text, street text, line2 text, city text, region text, postal text, last_words text[], keys bigint[],
    traits bigint[],
    search text
);
CREATE TYPE match_result_row AS (
    company_id uuid, record_id uuid, situation text, reason text, link_rev bigint, source_rev bigint, hash bytea,
    matching_version int, generation int
);
CREATE TYPE candidate_row AS (company_id uuid, destination_record_id uuid, source_record_id uuid);

-- Records as lists show them, by name.
CREATE VIEW people WITH (security_invoker = true) AS
SELECT company_id, account_id, record_id, remote_id, number, email, first_name, last_name, active, state,
    lower(coalesce(last_name, '')) COLLATE "C" AS sort_last, lower(coalesce(first_name, '')) COLLATE "C" AS sort_first, search
FROM records;
GRANT SELECT ON people TO mapper;

-- Who of a directory holds a text, or nearly so, the nearest first. Row security would hide the trigrams from the planner, so
-- this filters by company itself, in one place. A text of one or two letters has no trigrams to compare.
CREATE FUNCTION found(company uuid, account uuid, wanted text, pattern text, digits text, most int) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_indexscan = off
SET enable_seqscan = off SET pg_trgm.word_similarity_threshold = 0.35 AS $$
BEGIN
    IF company <> ALL (muster.current_companies()) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT r.record_id FROM mapper.records r
        WHERE r.company_id = company AND r.account_id = account AND r.state = 'present'
          AND (r.search LIKE pattern OR length(wanted) > 2 AND wanted OPERATOR(muster.<%) r.search
               OR digits <> '' AND r.search LIKE '%' || digits || '%' AND r.number_digits = digits)
        ORDER BY r.search LIKE pattern DESC, strpos(' ' || r.search || ' ', ' ' || wanted || ' ') > 0 DESC,
            CASE WHEN length(wanted) > 2 THEN muster.word_similarity(wanted, r.search) END DESC,
            r.last_name, r.first_name, r.record_id
        LIMIT most
    );
END $$;
GRANT EXECUTE ON FUNCTION found TO mapper;
CREATE POLICY found ON records TO CURRENT_USER USING (true);
