CREATE TABLE snapshots (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    rev bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('present', 'removed', 'unreadable')),
    remote_version text,
    remote_updated_at timestamptz,
    requested_at timestamptz NOT NULL,
    answered_at timestamptz NOT NULL,
    raw_hash bytea,
    content_hash bytea NOT NULL,
    employee json NOT NULL,
    payload json,
    written boolean NOT NULL DEFAULT false,
    PRIMARY KEY (record_id, company_id)
);
CREATE INDEX snapshots_account ON snapshots (account_id, company_id);
SELECT muster.protect('snapshots');

CREATE TABLE seen (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    remote_version text,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, account_id, remote_id)
);
SELECT muster.protect('seen');

CREATE TABLE directories (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    generation bigint NOT NULL DEFAULT 0,
    watermark timestamptz,
    began_at timestamptz,
    complete_as_of timestamptz,
    -- The last marker that went to every partition, and whether anything has been published since.
    base_as_of timestamptz,
    moved boolean NOT NULL DEFAULT true,
    next_full_at timestamptz,
    -- Sweeps: of accounts that a route follows, how often, and the changes that they found and no hook had announced.
    followed boolean NOT NULL DEFAULT false,
    next_sweep_at timestamptz NOT NULL DEFAULT now(),
    sweep_seconds int,
    hinted_at timestamptz,
    found bigint NOT NULL DEFAULT 0,
    found_at timestamptz,
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('directories'), muster.open_to_system('directories');

CREATE TABLE read_tasks (
    company_id uuid NOT NULL,
    task_id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('full', 'new', 'delta', 'records')),
    phase text NOT NULL DEFAULT 'pages' CHECK (phase IN ('pages', 'delta')),
    cause text NOT NULL,
    lane text NOT NULL,
    run_id uuid,
    actor text,
    remote_ids text[] NOT NULL DEFAULT '{}',
    cursor text,
    page int NOT NULL DEFAULT 0,
    since timestamptz,
    watermark timestamptz,
    began_at timestamptz,
    as_of timestamptz,
    counts json NOT NULL DEFAULT '{}',
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    done_at timestamptz,
    -- An import in parts is over when all have ended, also those that have not arrived; of one given up nothing more is published.
    parts int NOT NULL DEFAULT 1,
    given_up boolean NOT NULL DEFAULT false,
    traceparent text,  -- of what asked for it
    -- A person has confirmed that so many people may be marked as gone, however few are left.
    gone_at_most int NOT NULL DEFAULT 0,
    PRIMARY KEY (task_id, company_id)
);
CREATE INDEX read_tasks_run ON read_tasks (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX read_tasks_due ON read_tasks (due_at) WHERE done_at IS NULL;
CREATE INDEX read_tasks_open ON read_tasks (account_id, company_id) WHERE done_at IS NULL;
CREATE INDEX read_tasks_done ON read_tasks (done_at) WHERE done_at IS NOT NULL;
SELECT muster.protect('read_tasks'), muster.open_to_system('read_tasks');

-- Which records a full read has met, one row a page: what it did not meet is gone.
CREATE TABLE read_pages (
    company_id uuid NOT NULL,
    task_id uuid NOT NULL,
    page int NOT NULL,
    record_ids uuid[] NOT NULL,
    PRIMARY KEY (task_id, company_id, page)
);
SELECT muster.protect('read_pages'), muster.open_to_system('read_pages');

-- What a page writes goes as one array of rows (decision 0011).
CREATE TYPE snapshot_row AS (
    record_id uuid, account_id uuid, remote_id text, rev bigint, state text, remote_version text,
    remote_updated_at timestamptz, requested_at timestamptz, answered_at timestamptz, raw_hash bytea, content_hash bytea,
    employee json, payload json, written boolean
);
