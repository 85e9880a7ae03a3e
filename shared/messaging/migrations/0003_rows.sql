-- What a batch writes goes as one array of rows (decision 0011). A type is never changed: what needs more gets another one.
CREATE TYPE inbox_row AS (event_time timestamptz, event_id uuid, company_id uuid, partition int, "offset" bigint);
CREATE TYPE outbox_row AS (
    event_id uuid, company_id uuid, lane smallint, topic text, partition smallint, key bytea, headers bytea, body bytea
);
