-- What a batch writes goes as one array of rows (decision 0011), each with its columns in the order of the core's type.
CREATE TYPE log_row AS (
    company_id uuid, n bigint, event_id uuid, event_time timestamptz, type text, topic text, record_id uuid, run_id uuid,
    actor text, cause text, body bytea, prev_hash bytea, hash bytea
);
CREATE TYPE fact_row AS (
    company_id uuid, record_id uuid, account_id uuid, remote_id text, rev bigint, employee_rev bigint, removed boolean,
    number text, name text, first_name text, last_name text, email text, search text, employee json, updated_at timestamptz
);
CREATE TYPE linking_row AS (
    company_id uuid, record_id uuid, link_rev bigint, situation text, destination_record_id uuid,
    destination_remote_id text, updated_at timestamptz
);
CREATE TYPE standing_row AS (
    company_id uuid, record_id uuid, status_rev bigint, status text, reason text, field text, synced_at timestamptz,
    updated_at timestamptz
);
