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
    PRIMARY KEY (record_id, company_id)
);
CREATE INDEX snapshots_account ON snapshots (account_id, company_id);
SELECT muster.protect('snapshots');

CREATE TABLE seen (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, account_id, remote_id)
);
SELECT muster.protect('seen');

CREATE TABLE directories (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    generation bigint NOT NULL DEFAULT 0,
    watermark timestamptz,
    complete_as_of timestamptz,
    next_full_at timestamptz,
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
    PRIMARY KEY (task_id, company_id)
);
CREATE INDEX read_tasks_due ON read_tasks (due_at) WHERE done_at IS NULL;
SELECT muster.protect('read_tasks'), muster.open_to_system('read_tasks');

-- Which records a full read has met, one row a page: what it did not meet is gone.
CREATE TABLE read_pages (
    company_id uuid NOT NULL,
    task_id uuid NOT NULL,
    page int NOT NULL,
    record_ids uuid[] NOT NULL,
    PRIMARY KEY (task_id, company_id, page)
);
SELECT muster.protect('read_pages');
