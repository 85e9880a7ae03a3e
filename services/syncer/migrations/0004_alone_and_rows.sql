-- A push after one whose outcome stayed unknown goes in a call of its own.
ALTER TABLE items ADD COLUMN alone boolean NOT NULL DEFAULT false;

-- What a batch writes goes as one array of rows (decision 0011).
CREATE TYPE fact_row AS (
    company_id uuid, record_id uuid, account_id uuid, remote_id text, rev bigint, state text, employee json,
    remote_version text, read_at timestamptz, reason text
);
CREATE TYPE link_row AS (
    company_id uuid, record_id uuid, situation text, link_rev int, link_source_rev bigint, link_reason text,
    destination_record_id uuid, destination_remote_id text, create_asked_at timestamptz
);
CREATE TYPE standing_row AS (company_id uuid, record_id uuid, status text, reason text, field text);
CREATE TYPE outcome_row AS (
    company_id uuid, record_id uuid, status text, reason text, field text, status_rev int, synced_at timestamptz, sent json,
    answered json, failure json, automatic_rev bigint, destination_record_id uuid, destination_remote_id text, created boolean
);
CREATE TYPE item_row AS (
    item_id uuid, record_id uuid, account_id uuid, state text, action text, fields json, basis json, automatic boolean,
    run_id uuid, actor text, lane text, alone boolean
);
CREATE TYPE sending_row AS (company_id uuid, item_id uuid, lease_token bigint, call_id uuid, before json);
