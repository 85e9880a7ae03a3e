CREATE TABLE snapshots (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    rev bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('present', 'removed', 'unreadable')),
    employee json NOT NULL,
    remote_version text,
    remote_updated_at timestamptz,
    requested_at timestamptz,
    answered_at timestamptz,
    written boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT '',
    -- The display name as it is compared: who has it, and who would get it.
    name_form text,
    PRIMARY KEY (record_id, company_id)
);
CREATE INDEX snapshots_name ON snapshots (name_form, account_id, company_id) WHERE name_form IS NOT NULL;
SELECT muster.protect('snapshots');

-- The names in the destination's other lists (QuickBooks: customers and vendors), which nobody who is created may repeat.
CREATE TABLE taken_names (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    remote_id text NOT NULL,
    name_form text NOT NULL,
    active boolean NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, kind, remote_id, company_id)
);
CREATE INDEX taken_names_form ON taken_names (name_form, account_id, company_id);
SELECT muster.protect('taken_names');

-- How far each of those lists has been read.
CREATE TABLE name_lists (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    -- Within a full read: where it goes on, and when it began.
    cursor text,
    begun_at timestamptz,
    as_of timestamptz,
    read_at timestamptz,
    due_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, kind, company_id)
);
SELECT muster.protect('name_lists'), muster.open_to_system('name_lists');

CREATE TABLE records (
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
    retry_at timestamptz,
    status_rev int NOT NULL DEFAULT 0,
    synced_at timestamptz,
    sent json,
    answered json,
    failure json,
    -- The differences that a person lets stand, until either side changes again.
    ignored json NOT NULL DEFAULT '{}',
    -- What automatic pushes wrote within the last hour: what goes back and forth stops.
    writes json NOT NULL DEFAULT '[]',
    automatic_rev bigint,
    due boolean NOT NULL DEFAULT false,
    -- A person's "create new" opens one more creation, if it was asked for after the last one had succeeded.
    create_asked_at timestamptz,
    PRIMARY KEY (record_id, company_id)
) WITH (fillfactor = 70);  -- a status is written in place (HOT) when no index hangs on it and the page has room
CREATE INDEX records_destination ON records (destination_record_id, company_id) WHERE destination_record_id IS NOT NULL;
CREATE INDEX records_due ON records (company_id, record_id) WHERE due;
SELECT muster.protect('records'), muster.open_to_system('records');

CREATE TABLE directories (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    base_as_of timestamptz,
    matched_as_of timestamptz,
    matched_at timestamptz,
    wanted_at timestamptz,
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('directories');

CREATE TABLE completion_markers (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    as_of timestamptz NOT NULL,
    base timestamptz NOT NULL,
    lane text NOT NULL,
    part int NOT NULL,
    parts int NOT NULL,
    PRIMARY KEY (company_id, account_id, as_of, lane, part)
);
SELECT muster.protect('completion_markers');

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
    retrying int NOT NULL DEFAULT 0,
    skipped json NOT NULL DEFAULT '{}',
    ended boolean NOT NULL DEFAULT false,
    PRIMARY KEY (company_id, run_id)
);
SELECT muster.protect('runs');

-- Everything that writes to a destination belongs to a plan (docs/decisions/0017-plans.md); its id is also that of its run.
CREATE TABLE plans (
    company_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('person', 'direct', 'rules')),
    state text NOT NULL CHECK (state IN ('draft', 'held', 'approved', 'applying', 'done', 'cancelled', 'expired')),
    owner text,
    decided_by text,
    total int NOT NULL DEFAULT 0,
    parts int NOT NULL DEFAULT 0,
    parts_seen int NOT NULL DEFAULT 0,
    tripped json NOT NULL DEFAULT '[]',
    -- What the brakes count of a plan that grows while it is written, since somebody released it.
    changed int NOT NULL DEFAULT 0,
    deactivated int NOT NULL DEFAULT 0,
    pay int NOT NULL DEFAULT 0,
    -- Whether some of its records have not become pushes yet.
    unapplied boolean NOT NULL DEFAULT false,
    traceparent text,  -- of who approved it
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (plan_id, company_id)
);
CREATE INDEX plans_newest ON plans (company_id, created_at DESC, plan_id DESC);
CREATE INDEX plans_unapplied ON plans (company_id) WHERE unapplied;
CREATE INDEX plans_open ON plans (expires_at) WHERE state IN ('draft', 'held', 'approved');
SELECT muster.protect('plans'), muster.open_to_system('plans');

CREATE TABLE plan_records (
    company_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    record_id uuid NOT NULL,
    place smallint NOT NULL,
    action text NOT NULL CHECK (action IN ('blocked', 'deactivate', 'create', 'reactivate', 'update', 'no_change')),
    reason text NOT NULL DEFAULT '',
    field text,
    fields json NOT NULL DEFAULT '{}',
    changed text[] NOT NULL DEFAULT '{}',
    marks text[] NOT NULL DEFAULT '{}',
    source_rev bigint NOT NULL,
    push_id uuid NOT NULL,
    excluded boolean NOT NULL DEFAULT false,
    -- What applying it came to: it became a push, was held because it had moved (how it would be now), or was skipped.
    outcome text CHECK (outcome IN ('pushed', 'held', 'skipped')),
    outcome_reason text,
    moved json,
    PRIMARY KEY (plan_id, place, record_id, company_id)
);
SELECT muster.protect('plan_records'), muster.open_to_system('plan_records');

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
    -- Whether a call is repeated or looked for: when it was last sent, and whether it was given up before.
    resumed boolean NOT NULL DEFAULT false,
    sent_at timestamptz NOT NULL DEFAULT now(),
    -- What was answered, by push; what concerns all of them under '*'.
    answers json,
    PRIMARY KEY (call_id, company_id)
);
CREATE INDEX calls_open ON calls (due_at) WHERE state IN ('sending', 'unknown');
SELECT muster.protect('calls'), muster.open_to_system('calls');

CREATE TABLE pushes (
    company_id uuid NOT NULL,
    push_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    run_id uuid,
    actor text,
    lane text NOT NULL CHECK (lane IN ('real_time', 'bulk')),
    automatic boolean NOT NULL DEFAULT false,
    state text NOT NULL CHECK (state IN ('waiting', 'planned', 'held', 'claimed', 'sending', 'done')),
    action text CHECK (action IN ('create', 'update', 'deactivate', 'reactivate', 'adopt', 'no_change')),  -- none until it is planned
    fields json NOT NULL DEFAULT '{}',
    basis json,
    before json,
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    -- Since its first transient failure: when it is tried again by itself, or was last.
    retry_at timestamptz,
    -- Since when a creation has waited for its destination's directory to be read again.
    gate_at timestamptz,
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    call_id uuid,
    outcome text CHECK (outcome IN ('succeeded', 'failed', 'held', 'needs_action', 'cancelled', 'replaced')),
    ended_at timestamptz,
    -- A push after one whose outcome stayed unknown goes in a call of its own.
    isolated boolean NOT NULL DEFAULT false,
    -- On its way over temporary values.
    step text NOT NULL DEFAULT '' CHECK (step IN ('', 'leaving', 'aside', 'back')),
    -- The record whose open push frees a value that this one takes.
    waits_for uuid,
    -- Once it has succeeded, the record is pushed to the destination.
    then_push boolean NOT NULL DEFAULT false,
    traceparent text,  -- of what asked for it
    PRIMARY KEY (push_id, company_id)
);
CREATE UNIQUE INDEX pushes_open ON pushes (record_id, company_id) WHERE state <> 'done';
CREATE INDEX pushes_over ON pushes (ended_at) WHERE state = 'done';
CREATE INDEX pushes_record ON pushes (record_id, company_id);
CREATE INDEX pushes_due ON pushes (company_id, account_id, (lane = 'bulk'), due_at, push_id) WHERE state IN ('planned', 'claimed');
CREATE INDEX pushes_run ON pushes (run_id, company_id) WHERE run_id IS NOT NULL;
CREATE INDEX pushes_call ON pushes (call_id) WHERE state = 'sending';
CREATE INDEX pushes_waiting ON pushes (waits_for, company_id) WHERE waits_for IS NOT NULL;
SELECT muster.protect('pushes'), muster.open_to_system('pushes');

-- The unique values that open pushes free, and what the same pushes take: who takes one of those waits for that push.
CREATE TABLE moved_values (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    push_id uuid NOT NULL,
    frees text,
    takes text
);
CREATE INDEX moved_values_push ON moved_values (push_id, company_id);
CREATE INDEX moved_values_frees ON moved_values (frees, account_id, company_id);
SELECT muster.protect('moved_values');

-- One creation a source record and account, for ever; only a person's "create new" raises the ordinal.
CREATE TABLE creations (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    ordinal int NOT NULL DEFAULT 1,
    call_id uuid NOT NULL,
    remote_id text,
    finished_at timestamptz,
    PRIMARY KEY (record_id, company_id, account_id, ordinal)
);
SELECT muster.protect('creations');

-- What a batch writes goes as one array of rows (decision 0011).
CREATE TYPE snapshot_row AS (
    company_id uuid, record_id uuid, account_id uuid, remote_id text, rev bigint, state text, employee json,
    remote_version text, remote_updated_at timestamptz, requested_at timestamptz, answered_at timestamptz, written boolean,
    reason text, name_form text
);
CREATE TYPE match_result_row AS (
    company_id uuid, record_id uuid, situation text, link_rev int, link_source_rev bigint, link_reason text,
    destination_record_id uuid, destination_remote_id text, create_asked_at timestamptz
);
CREATE TYPE status_row AS (
    company_id uuid, record_id uuid, status text, reason text, field text, retry_at timestamptz
);
CREATE TYPE outcome_row AS (
    company_id uuid, record_id uuid, status text, reason text, field text, retry_at timestamptz, status_rev int,
    synced_at timestamptz, sent json, answered json, failure json, automatic_rev bigint,
    destination_record_id uuid, destination_remote_id text, created boolean, writes json
);
CREATE TYPE push_row AS (
    company_id uuid, push_id uuid, record_id uuid, account_id uuid, state text, action text, fields json, basis json, automatic boolean,
    run_id uuid, actor text, lane text, isolated boolean, step text, then_push boolean
);
CREATE TYPE moved_row AS (company_id uuid, account_id uuid, push_id uuid, frees text, takes text);
CREATE TYPE plan_record_row AS (
    record_id uuid, place smallint, action text, reason text, field text, fields json, changed text[], marks text[],
    source_rev bigint, push_id uuid
);
CREATE TYPE braked_row AS (company_id uuid, plan_id uuid, account_id uuid, total int, changed int, deactivated int, pay int);
CREATE TYPE sending_row AS (company_id uuid, push_id uuid, lease_token bigint, call_id uuid, before json);
