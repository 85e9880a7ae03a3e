-- The row every batch of a company locks first: where its chain ends, and whose records its list shows.
CREATE TABLE chain_heads (
    company_id uuid PRIMARY KEY,
    n bigint NOT NULL,
    hash bytea NOT NULL,
    source_account_id uuid
) WITH (fillfactor = 50);
SELECT muster.protect('chain_heads');

CREATE TABLE log (
    company_id uuid NOT NULL,
    n bigint NOT NULL,
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
    PRIMARY KEY (company_id, n),
    UNIQUE (company_id, event_id)
);
CREATE INDEX log_record ON log (company_id, record_id, n) WHERE record_id IS NOT NULL;
SELECT muster.protect('log');
REVOKE UPDATE, DELETE ON log FROM history;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON log EXECUTE FUNCTION refuse_change();

-- The newest that is known of every record of both accounts.
CREATE TABLE facts (
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
    PRIMARY KEY (company_id, record_id)
) WITH (fillfactor = 90);
SELECT muster.protect('facts');

-- One row a source record: the employee's part, the link's and the status's, each with its own rev, come in any order.
-- Hidden while account_id is null: nothing is known of the employee yet. No index on what links and statuses change,
-- so that their updates stay on the page (HOT).
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
    status_rev bigint NOT NULL DEFAULT 0,
    synced_at timestamptz,
    situation text,
    link_rev bigint NOT NULL DEFAULT 0,
    destination_record_id uuid,
    destination_remote_id text,
    updated_at timestamptz NOT NULL,
    counted text,
    PRIMARY KEY (company_id, record_id)
) WITH (fillfactor = 75);
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
    state text NOT NULL CHECK (state IN ('running', 'completed', 'failed')),
    reason text,
    actor text,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    counts json NOT NULL,
    skipped json NOT NULL,
    PRIMARY KEY (company_id, run_id)
);
SELECT muster.protect('run_view');
