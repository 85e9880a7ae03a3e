-- In every index the selective column comes first, so that a plan made while the tables are empty never reads a whole company
-- (decision 0005). What must start with the company is partial, so that only a statement that says the same can use it: the chain
-- is read with `n > 0`, lists with their account; an event and a record are looked up by their ids.

-- Where each company's chain ends, and whose records its list shows.
CREATE TABLE chain_heads (
    company_id uuid PRIMARY KEY,
    n bigint NOT NULL,
    hash bytea NOT NULL,
    source_account_id uuid
) WITH (fillfactor = 50);
SELECT muster.protect('chain_heads');
REVOKE DELETE ON chain_heads FROM history;

CREATE TABLE log (
    company_id uuid NOT NULL,
    n bigint NOT NULL CHECK (n > 0),
    event_id uuid NOT NULL,
    event_time timestamptz NOT NULL,
    type text NOT NULL,
    topic text NOT NULL,
    record_id uuid,
    run_id uuid,
    actor text,
    cause text,
    body bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (event_id, company_id)
);
CREATE UNIQUE INDEX log_chain ON log (company_id, n) WHERE n > 0;
CREATE INDEX log_record ON log (record_id, company_id, n) WHERE record_id IS NOT NULL;
SELECT muster.protect('log');
REVOKE UPDATE, DELETE ON log FROM history;

-- Which companies have a history is asked for all of them at once, without anything of its content.
CREATE POLICY history_system_companies ON chain_heads FOR SELECT TO history_system USING (true);
CREATE POLICY history_system_companies ON log FOR SELECT TO history_system USING (true);
GRANT SELECT (company_id) ON chain_heads TO history_system;
GRANT SELECT (company_id, n) ON log TO history_system;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON log EXECUTE FUNCTION refuse_change();

-- The newest that is known of every record of both accounts. What lists are sorted by stands here, not with the status, so
-- that no status moves an entry of these indexes.
CREATE TABLE snapshots (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    rev bigint NOT NULL,
    employee_rev bigint NOT NULL,
    removed boolean NOT NULL,
    number text,
    name text NOT NULL,
    first_name text,
    last_name text,
    email text,
    search text NOT NULL,
    employee json,
    updated_at timestamptz NOT NULL,
    number_key text COLLATE "C" GENERATED ALWAYS AS (lpad(coalesce(number, ''), 32)) STORED,
    name_key text COLLATE "C" GENERATED ALWAYS AS (left(search, 100)) STORED,
    PRIMARY KEY (record_id, company_id)
) WITH (fillfactor = 90);
CREATE INDEX snapshots_number ON snapshots (company_id, account_id, number_key, record_id);
CREATE INDEX snapshots_name ON snapshots (company_id, account_id, name_key, record_id);
CREATE INDEX snapshots_search ON snapshots USING gin (company_id muster.uuid_ops, search muster.gin_trgm_ops);
SELECT muster.protect('snapshots');

-- The order of statuses in lists: what waits for a person first, what is done last. One letter, a key among other texts.
CREATE FUNCTION status_order(status text) RETURNS text LANGUAGE sql IMMUTABLE RETURN CASE status
    WHEN 'failed' THEN 'a' WHEN 'needs_action' THEN 'b' WHEN 'held' THEN 'c' WHEN 'needs_sync' THEN 'd'
    WHEN 'syncing' THEN 'e' WHEN 'synced' THEN 'f' WHEN 'excluded' THEN 'g' END;
GRANT EXECUTE ON FUNCTION status_order TO history;
-- Of several, before the statement is planned: for keys that it cannot see the planner reads the whole table.
CREATE FUNCTION status_orders(statuses text[]) RETURNS text[] LANGUAGE sql IMMUTABLE
    BEGIN ATOMIC SELECT array_agg(status_order(s)) FROM unnest(statuses) AS s; END;
GRANT EXECUTE ON FUNCTION status_orders TO history;

-- One row a source record: the employee's part, the link's and the status's, each with its own rev, come in any order.
-- Hidden while account_id is null: nothing is known of the employee yet. One index moves with a status: few records with a
-- status are found among many, in the order of their last success (a column, because row security keeps an expression from
-- being searched by).
CREATE TABLE record_view (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid,
    remote_id text,
    source_rev bigint NOT NULL DEFAULT 0,
    removed boolean NOT NULL DEFAULT false,
    number text,
    name text,
    first_name text,
    last_name text,
    email text,
    search text,
    status text NOT NULL DEFAULT 'needs_sync',
    reason text NOT NULL DEFAULT 'checking',
    field text,
    retry_at timestamptz,
    holder json,
    answer json,
    status_rev bigint NOT NULL DEFAULT 0,
    synced_at timestamptz,
    situation text,
    link_rev bigint NOT NULL DEFAULT 0,
    destination_record_id uuid,
    destination_remote_id text,
    updated_at timestamptz NOT NULL,
    counted text,
    status_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (status_order(status)) STORED,
    synced_key timestamptz GENERATED ALWAYS AS (coalesce(synced_at, 'epoch')) STORED,
    PRIMARY KEY (record_id, company_id)
) WITH (fillfactor = 50);
CREATE INDEX record_view_status ON record_view (company_id, status_key, synced_key, record_id) WHERE account_id IS NOT NULL;
COMMENT ON COLUMN record_view.counted IS
    'the status this row was counted under before its last write; null: it was not counted. Spares a second look-up';
SELECT muster.protect('record_view');

CREATE TABLE counters (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    status text NOT NULL,
    count bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (company_id, account_id, status)
) WITH (fillfactor = 50);
SELECT muster.protect('counters');

CREATE TABLE run_view (
    company_id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('import', 'sync')),
    mode text,
    state text NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'cancelled')),
    reason text,
    actor text,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    counts json NOT NULL,
    skipped json NOT NULL,
    PRIMARY KEY (company_id, run_id)
);
CREATE INDEX run_view_newest ON run_view (company_id, started_at DESC, run_id DESC);
SELECT muster.protect('run_view');

-- What became of each record that a run pushed, and which ones an import could not read.
CREATE TABLE run_records (
    company_id uuid NOT NULL,
    run_id uuid NOT NULL,
    record_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'needs_action', 'held', 'unreadable')),
    reason text NOT NULL,
    field text,
    at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 1,
    PRIMARY KEY (run_id, record_id, company_id)
);
SELECT muster.protect('run_records');

-- What became of pushes, by minute: how many of each outcome and reason, and how long those took that succeeded. `pace` is the
-- step of a logarithmic scale (services/history/core/operations.py); -1 where the time is not known.
CREATE TABLE minutes (
    company_id uuid NOT NULL,
    event_time timestamptz NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    pace smallint NOT NULL,
    count int NOT NULL,
    PRIMARY KEY (company_id, event_time, outcome, reason, pace)
) PARTITION BY RANGE (event_time);
CREATE TABLE minutes_other PARTITION OF minutes DEFAULT;
ALTER TABLE minutes_other ENABLE ROW LEVEL SECURITY;
SELECT muster.protect('minutes'), muster.keep_partitions('minutes', 8);

-- Text search. Row security would hide the trigrams from the planner, so this filters by company itself, in one place. The
-- planner chooses by a server's usual costs, not the pools' (decision 0005): among a million, two letters that nobody has took
-- ten seconds by walking the primary key, one by reading the table. `IS TRUE` keeps the account from the indexes by name and by
-- number: before the first statistics come, the planner takes them for the best and walks everybody, 100,000 in 130 ms.
CREATE FUNCTION found(company uuid, account uuid, pattern text, most int) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET synchronize_seqscans = off
SET enable_seqscan = on SET enable_bitmapscan = on SET random_page_cost = 1.1 SET cpu_tuple_cost = 0.01
SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
    IF company <> ALL (muster.current_companies()) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT f.record_id FROM history.snapshots f
        WHERE f.company_id = company AND (f.account_id = account) IS TRUE AND f.search LIKE pattern LIMIT most
    );
END $$;
GRANT EXECUTE ON FUNCTION found TO history;
CREATE POLICY found ON snapshots TO CURRENT_USER USING (true);

-- What a batch writes goes as one array of rows (decision 0011), each with its columns in the order of the core's type.
CREATE TYPE log_row AS (
    company_id uuid, n bigint, event_id uuid, event_time timestamptz, type text, topic text, record_id uuid, run_id uuid,
    actor text, cause text, body bytea, prev_hash bytea, hash bytea
);
CREATE TYPE snapshot_row AS (
    company_id uuid, record_id uuid, account_id uuid, remote_id text, rev bigint, employee_rev bigint, removed boolean,
    number text, name text, first_name text, last_name text, email text, search text, employee json, updated_at timestamptz
);
CREATE TYPE linking_row AS (
    company_id uuid, record_id uuid, link_rev bigint, situation text, destination_record_id uuid,
    destination_remote_id text, updated_at timestamptz
);
CREATE TYPE status_row AS (
    company_id uuid, record_id uuid, status_rev bigint, status text, reason text, field text, retry_at timestamptz,
    holder json, answer json, synced_at timestamptz, updated_at timestamptz
);
CREATE TYPE run_record_row AS (
    company_id uuid, run_id uuid, record_id uuid, outcome text, reason text, field text, at timestamptz
);
CREATE TYPE result_row AS (
    company_id uuid, run_id uuid, outcome text, reason text, at timestamptz, staged_at timestamptz
);
