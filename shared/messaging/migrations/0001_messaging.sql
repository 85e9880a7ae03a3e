-- The same in every service's schema: what it consumed, what it publishes, what it could not handle, and each company's settings.
CREATE TABLE inbox (
    event_time timestamptz NOT NULL,
    event_id uuid NOT NULL,
    company_id uuid NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    PRIMARY KEY (event_time, event_id)
) PARTITION BY RANGE (event_time);
CREATE TABLE inbox_other PARTITION OF inbox DEFAULT;
ALTER TABLE inbox_other ENABLE ROW LEVEL SECURITY;
SELECT muster.protect('inbox'), muster.open_to_system('inbox'), muster.keep_partitions('inbox', 21);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_time timestamptz NOT NULL,
    event_id uuid NOT NULL,
    company_id uuid NOT NULL,
    lane smallint NOT NULL,
    topic text NOT NULL,
    partition smallint,
    key bytea NOT NULL,
    headers bytea NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) <= 800000)
) PARTITION BY RANGE (event_time);
CREATE TABLE outbox_other PARTITION OF outbox DEFAULT;
ALTER TABLE outbox_other ENABLE ROW LEVEL SECURITY;
CREATE INDEX outbox_order ON outbox (lane, xid, id);
SELECT muster.protect('outbox'), muster.open_to_system('outbox'), muster.keep_partitions('outbox', 7);

CREATE TABLE relay_cursor (
    lane smallint PRIMARY KEY,
    xid xid8 NOT NULL,
    id bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO relay_cursor (lane, xid, id) VALUES (0, '0', 0), (1, '0', 0);
SELECT muster.open_to_system('relay_cursor');

-- A dead letter holds personal data: its key, headers and body are sealed.
CREATE TABLE dead_letter (
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    company_id uuid,
    event_id uuid,
    type text,
    reason text NOT NULL,
    detail text NOT NULL,
    dead_lettered_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz,
    discarded_at timestamptz,
    discarded_by text,
    discard_reason text,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);
SELECT muster.protect('dead_letter'), muster.open_to_system('dead_letter');

CREATE TABLE company_settings (
    company_id uuid PRIMARY KEY,
    version int NOT NULL,
    document json NOT NULL
);
SELECT muster.protect('company_settings'), muster.open_to_system('company_settings');

-- Topics that consumers paused because too many messages could not be handled; seen_at: when one last found it so.
CREATE TABLE paused_topics (
    topic text PRIMARY KEY,
    paused_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    resume_until timestamptz
);
SELECT muster.open_to_system('paused_topics');

-- What a batch writes goes as one array of rows (decision 0011).
CREATE TYPE inbox_row AS (
    event_time timestamptz, event_id uuid, company_id uuid, topic text, partition int, "offset" bigint
);
CREATE TYPE outbox_row AS (
    event_id uuid, company_id uuid, lane smallint, topic text, partition smallint, key bytea, headers bytea, body bytea
);
