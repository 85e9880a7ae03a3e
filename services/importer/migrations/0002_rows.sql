-- What a page writes goes as one array of rows (decision 0011).
CREATE TYPE snapshot_row AS (
    record_id uuid, account_id uuid, remote_id text, rev bigint, state text, remote_version text,
    remote_updated_at timestamptz, requested_at timestamptz, answered_at timestamptz, raw_hash bytea, content_hash bytea,
    employee json, payload json
);
