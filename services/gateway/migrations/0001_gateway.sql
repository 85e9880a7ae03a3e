CREATE TABLE users (
    user_id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password_hash text NOT NULL,
    -- What the person may do for all companies: see counts, or run the installation.
    installation text CHECK (installation IN ('operator', 'admin')),
    -- How times and numbers are shown; empty: as the browser has it.
    time_zone text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.open_to_system('users');

CREATE TABLE sessions (
    session_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    user_id uuid NOT NULL REFERENCES users,
    method text NOT NULL DEFAULT 'password' CHECK (method IN ('password', 'sso')),
    address text NOT NULL,
    agent text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.open_to_system('sessions');

-- Who a person is at the provider of single sign-on.
CREATE TABLE identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
SELECT muster.open_to_system('identities');

-- Attempts to sign in at the provider; each is used once, by the browser that began it.
CREATE TABLE sign_ins (
    state_hash bytea PRIMARY KEY,
    browser_hash bytea NOT NULL,
    next text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_ins_created ON sign_ins (created_at);
SELECT muster.open_to_system('sign_ins');

-- The second factor of a password (RFC 6238): its secret, sealed, and the last period whose code was used.
CREATE TABLE second_factors (
    user_id uuid PRIMARY KEY REFERENCES users,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    confirmed boolean NOT NULL DEFAULT false,
    last_period bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.open_to_system('second_factors');

-- Codes that stand in for the second factor; each is used once.
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);
SELECT muster.open_to_system('recovery_codes');

-- Failed attempts to get in, by a hash of what is counted together.
CREATE TABLE attempts (
    bucket bytea PRIMARY KEY,
    failures int NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(),
    free_at timestamptz NOT NULL
);
CREATE INDEX attempts_failed ON attempts (failed_at);
SELECT muster.open_to_system('attempts');

-- The administration audit log; entries of no company have the id 0.
CREATE TABLE audit_entries (
    company_id uuid NOT NULL,
    entry_id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL,
    actor text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    address text NOT NULL,
    agent text NOT NULL,
    PRIMARY KEY (company_id, entry_id)
);
SELECT muster.protect('audit_entries'), muster.open_to_system('audit_entries');
REVOKE UPDATE, DELETE ON audit_entries FROM gateway, gateway_system;

CREATE TABLE companies (
    company_id uuid PRIMARY KEY,
    version int NOT NULL DEFAULT 1,
    -- The version at which what a push writes last changed.
    written_version int NOT NULL DEFAULT 0,
    name text NOT NULL,
    accounts json NOT NULL DEFAULT '[]',
    route json,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.protect('companies');

CREATE TABLE settings_versions (
    company_id uuid NOT NULL,
    version int NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (company_id, version)
);
SELECT muster.protect('settings_versions');
REVOKE UPDATE, DELETE ON settings_versions FROM gateway;

CREATE TABLE memberships (
    company_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- A rule gave it by a group of the provider; it goes with the group.
    by_group boolean NOT NULL DEFAULT false,
    PRIMARY KEY (company_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
SELECT muster.protect('memberships'), muster.open_to_system('memberships');

-- Links by which a person joins a company; each is used once.
CREATE TABLE invitations (
    company_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    email text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    invited_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (company_id, invitation_id),
    UNIQUE (company_id, email)
);
SELECT muster.protect('invitations'), muster.open_to_system('invitations');

-- Links by which a person sets a new password; each is used once.
CREATE TABLE password_resets (
    token_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL UNIQUE REFERENCES users,
    expires_at timestamptz NOT NULL
);
SELECT muster.open_to_system('password_resets');

CREATE TABLE api_keys (
    company_id uuid NOT NULL,
    key_id text NOT NULL UNIQUE,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    secret_hash bytea NOT NULL,
    made_by uuid NOT NULL REFERENCES users,
    made_by_key text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,
    PRIMARY KEY (company_id, key_id)
);
SELECT muster.protect('api_keys'), muster.open_to_system('api_keys');

CREATE TABLE idempotency_keys (
    company_id uuid NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    answer json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, key)
);
SELECT muster.protect('idempotency_keys'), muster.open_to_system('idempotency_keys');

CREATE TABLE selections (
    company_id uuid NOT NULL,
    selection_id uuid NOT NULL,
    records json NOT NULL,
    count int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, selection_id)
);
SELECT muster.protect('selections'), muster.open_to_system('selections');

CREATE TABLE commands (
    company_id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    mode text,
    actor text NOT NULL,
    total int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, run_id)
);
SELECT muster.protect('commands');

-- Attempts to connect an account that a person is allowing at the other system's page; each is used once.
CREATE TABLE authorisations (
    state_hash bytea PRIMARY KEY,
    session_hash bytea NOT NULL,
    company_id uuid NOT NULL,
    account_id uuid,
    environment text NOT NULL,
    redirect_uri text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.protect('authorisations'), muster.open_to_system('authorisations');

-- Addresses that receive a company's events. `place` is the last entry of the log whose delivery was noted.
CREATE TABLE endpoints (
    company_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    url text NOT NULL,
    types text[] NOT NULL,
    description text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled')),
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    place bigint NOT NULL,
    look_at timestamptz NOT NULL DEFAULT now(),
    -- When deliveries to it were last claimed: the one that has waited longest comes first.
    claimed_at timestamptz NOT NULL DEFAULT '-infinity',
    delivered_at timestamptz,
    failing_since timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, endpoint_id)
);
CREATE INDEX endpoints_due ON endpoints (look_at) WHERE state = 'active';
SELECT muster.protect('endpoints'), muster.open_to_system('endpoints');

CREATE TABLE deliveries (
    company_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    delivery_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    type text NOT NULL,
    body json NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries int NOT NULL DEFAULT 0,
    lease_token bigint NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    answer text,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (company_id, endpoint_id, delivery_id),
    UNIQUE (company_id, endpoint_id, event_id),
    FOREIGN KEY (company_id, endpoint_id) REFERENCES endpoints ON DELETE CASCADE
);
CREATE INDEX deliveries_waiting ON deliveries (company_id, endpoint_id, delivery_id, next_try_at) WHERE state = 'waiting';
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE state <> 'waiting';
SELECT muster.protect('deliveries'), muster.open_to_system('deliveries');

-- Where each account's webhooks come from, and its secrets: sealed JSON, the newest first. Without any, none is accepted
-- (or they are the installation's).
CREATE TABLE webhooks (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    system text NOT NULL,
    tenant_id text NOT NULL,
    connected boolean NOT NULL,
    -- What the account is in its company's active route.
    part text CHECK (part IN ('source', 'destination')),
    key_id text NOT NULL DEFAULT '',
    sealed bytea NOT NULL DEFAULT '',
    secret_made_at timestamptz,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('webhooks'), muster.open_to_system('webhooks');

-- One row an event, however often it is delivered; event_time and event_id are the sender's. It holds no values.
CREATE TABLE webhook_receipts (
    event_time timestamptz NOT NULL,
    account_id uuid NOT NULL,
    event_id text NOT NULL,
    company_id uuid NOT NULL,
    kind text NOT NULL,
    remote_id text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_time, account_id, event_id, company_id)
) PARTITION BY RANGE (event_time);
CREATE TABLE webhook_receipts_other PARTITION OF webhook_receipts DEFAULT;
ALTER TABLE webhook_receipts_other ENABLE ROW LEVEL SECURITY;
CREATE INDEX webhook_receipts_account ON webhook_receipts (account_id, received_at DESC);
SELECT muster.protect('webhook_receipts'), muster.open_to_system('webhook_receipts'), muster.keep_partitions('webhook_receipts', 7);
CREATE TYPE receipt_row AS (
    event_time timestamptz, account_id uuid, event_id text, company_id uuid, kind text, remote_id text
);

-- Imports and syncs that start by themselves; whoever moves next_at on has started the run that was due.
CREATE TABLE schedules (
    company_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    action text NOT NULL CHECK (action IN ('import_new', 'import_all', 'sync')),
    timing json NOT NULL,
    active boolean NOT NULL,
    made_by text NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz,
    last_run_id uuid,
    last_problem text NOT NULL DEFAULT '',
    PRIMARY KEY (company_id, schedule_id)
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE active;
SELECT muster.protect('schedules'), muster.open_to_system('schedules');

-- How a person likes to look at the list of records; nobody else sees it.
CREATE TABLE saved_views (
    company_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users,
    view_id uuid NOT NULL,
    name text NOT NULL,
    look json NOT NULL,
    PRIMARY KEY (company_id, user_id, view_id)
);
SELECT muster.protect('saved_views');

-- What stands wrong in a company: the highest level that people were told of, and since when it is missing.
CREATE TABLE conditions (
    company_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    told int NOT NULL,
    since timestamptz NOT NULL,
    gone_at timestamptz,
    detail json NOT NULL,
    PRIMARY KEY (company_id, kind, subject)
);
SELECT muster.protect('conditions'), muster.open_to_system('conditions');

-- One row: whoever moves look_at on looks; whoever locks it decides, or puts messages together.
CREATE TABLE notice_watch (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    look_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO notice_watch DEFAULT VALUES;
SELECT muster.open_to_system('notice_watch');

-- What a person wants to be told about a company; without a row: as their role does.
CREATE TABLE notice_kinds (
    company_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users,
    kinds text[] NOT NULL,
    PRIMARY KEY (company_id, user_id)
);
SELECT muster.protect('notice_kinds'), muster.open_to_system('notice_kinds');

-- When a person wants no notices, and how many minutes lie between two, of whatever company.
CREATE TABLE notice_habits (
    user_id uuid PRIMARY KEY REFERENCES users,
    quiet_from time,
    quiet_until time,
    time_zone text NOT NULL,
    digest_minutes int NOT NULL
);
SELECT muster.open_to_system('notice_habits');

-- Addresses that a company's notices are posted to; `sealed` holds the address, and the secret of a webhook.
CREATE TABLE notice_channels (
    company_id uuid NOT NULL,
    channel_id uuid NOT NULL UNIQUE,
    shape text NOT NULL CHECK (shape IN ('webhook', 'slack', 'teams')),
    name text NOT NULL,
    host text NOT NULL,
    kinds text[] NOT NULL,
    active boolean NOT NULL DEFAULT true,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, channel_id)
);
SELECT muster.protect('notice_channels'), muster.open_to_system('notice_channels');

-- What was sent to a person or a channel in one go.
CREATE TABLE notice_messages (
    message_id uuid PRIMARY KEY,
    receiver_id uuid NOT NULL,
    test boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries int NOT NULL DEFAULT 0,
    lease_token bigint NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    answer text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX notice_messages_due ON notice_messages (next_try_at) WHERE state = 'waiting';
CREATE INDEX notice_messages_receiver ON notice_messages (receiver_id, created_at DESC);
SELECT muster.open_to_system('notice_messages');

-- One row a receiver and change; without a message it waits to be put into one.
CREATE TABLE notices (
    company_id uuid NOT NULL,
    notice_id bigint GENERATED ALWAYS AS IDENTITY,
    receiver_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    change text NOT NULL CHECK (change IN ('began', 'worse', 'ended', 'test')),
    company text NOT NULL,
    detail json NOT NULL,
    since timestamptz NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    message_id uuid REFERENCES notice_messages ON DELETE CASCADE,
    PRIMARY KEY (company_id, notice_id)
);
CREATE INDEX notices_waiting ON notices (receiver_id) WHERE message_id IS NULL;
CREATE INDEX notices_message ON notices (message_id);
SELECT muster.protect('notices'), muster.open_to_system('notices');
