CREATE TABLE facts (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    rev bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('present', 'removed', 'unreadable')),
    employee json NOT NULL,
    remote_version text,
    read_at timestamptz,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (record_id, company_id)
);
SELECT muster.protect('facts');

CREATE TABLE subjects (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    situation text,
    link_rev int NOT NULL DEFAULT 0,
    link_source_rev bigint NOT NULL DEFAULT 0,
    link_reason text NOT NULL DEFAULT '',
    destination_record_id uuid,
    destination_remote_id text,
    created boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'needs_sync',
    reason text NOT NULL DEFAULT 'checking',
    field text,
    status_rev int NOT NULL DEFAULT 0,
    synced_at timestamptz,
    sent json,
    answered json,
    failure json,
    automatic_rev bigint,
    due boolean NOT NULL DEFAULT false,
    PRIMARY KEY (record_id, company_id)
);
CREATE INDEX subjects_destination ON subjects (destination_record_id, company_id) WHERE destination_record_id IS NOT NULL;
CREATE INDEX subjects_due ON subjects (company_id) WHERE due;
CREATE INDEX subjects_waiting ON subjects (company_id) WHERE reason = 'directory_being_read';
SELECT muster.protect('subjects'), muster.open_to_system('subjects');

CREATE TABLE directories (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    matched_as_of timestamptz,
    wanted_at timestamptz,
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('directories');

CREATE TABLE marks (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    as_of timestamptz NOT NULL,
    lane text NOT NULL,
    part int NOT NULL,
    parts int NOT NULL,
    PRIMARY KEY (company_id, account_id, as_of, lane, part)
);
SELECT muster.protect('marks');

CREATE TABLE runs (
    company_id uuid NOT NULL,
    run_id uuid NOT NULL,
    actor text,
    total int NOT NULL,
    parts int NOT NULL,
    parts_seen int NOT NULL DEFAULT 0,
    planned int NOT NULL DEFAULT 0,
    succeeded int NOT NULL DEFAULT 0,
    failed int NOT NULL DEFAULT 0,
    skipped json NOT NULL DEFAULT '{}',
    ended boolean NOT NULL DEFAULT false,
    PRIMARY KEY (company_id, run_id)
);
SELECT muster.protect('runs');

CREATE TABLE calls (
    company_id uuid NOT NULL,
    call_id uuid NOT NULL,
    account_id uuid NOT NULL,
    action text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    headers json NOT NULL,
    body text NOT NULL,
    members uuid[] NOT NULL,
    state text NOT NULL CHECK (state IN ('sending', 'unknown', 'given_up', 'answered', 'refused')),
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    lease_token bigint NOT NULL DEFAULT 1,
    lease_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, company_id)
);
CREATE INDEX calls_open ON calls (due_at) WHERE state IN ('sending', 'unknown');
SELECT muster.protect('calls'), muster.open_to_system('calls');

CREATE TABLE items (
    company_id uuid NOT NULL,
    item_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    run_id uuid,
    actor text,
    lane text NOT NULL,
    automatic boolean NOT NULL DEFAULT false,
    state text NOT NULL CHECK (state IN ('waiting', 'planned', 'claimed', 'sending', 'done')),
    action text NOT NULL DEFAULT '',
    fields json NOT NULL DEFAULT '{}',
    basis json,
    before json,
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    call_id uuid,
    outcome text,
    ended_at timestamptz,
    PRIMARY KEY (item_id, company_id)
);
CREATE UNIQUE INDEX items_open ON items (record_id, company_id) WHERE state <> 'done';
CREATE INDEX items_due ON items (company_id, account_id, lane DESC, due_at, item_id) WHERE state IN ('planned', 'claimed');
CREATE INDEX items_call ON items (call_id) WHERE state = 'sending';
SELECT muster.protect('items'), muster.open_to_system('items');

-- One creation a source record and account, for ever; only a person's "create new" raises the ordinal.
CREATE TABLE creations (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    ordinal int NOT NULL DEFAULT 1,
    call_id uuid NOT NULL,
    remote_id text,
    PRIMARY KEY (record_id, company_id, account_id, ordinal)
);
SELECT muster.protect('creations');
