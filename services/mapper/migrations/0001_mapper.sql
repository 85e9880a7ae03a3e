-- What is compared of both accounts' records. Columns in the order of core.Facts; keys are null where a record cannot match.
CREATE TABLE records (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    account_id uuid NOT NULL,
    remote_id text NOT NULL,
    rev bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('present', 'removed', 'unreadable')),
    active boolean NOT NULL,
    number text,
    email text,
    first_name text,
    last_name text,
    birth_date date,
    number_key text,
    email_key text,
    phone_key text,
    first_key text NOT NULL,
    last_key text NOT NULL,
    block_a text,
    block_b text,
    block_c text,
    block_d text,
    born_key text,
    PRIMARY KEY (company_id, record_id)
) WITH (fillfactor = 90);
CREATE INDEX records_number ON records (account_id, number_key) WHERE number_key IS NOT NULL;
CREATE INDEX records_email ON records (account_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX records_phone ON records (account_id, phone_key) WHERE phone_key IS NOT NULL;
CREATE INDEX records_a ON records (account_id, block_a) WHERE block_a IS NOT NULL;
CREATE INDEX records_b ON records (account_id, block_b) WHERE block_b IS NOT NULL;
CREATE INDEX records_c ON records (account_id, block_c) WHERE block_c IS NOT NULL;
CREATE INDEX records_d ON records (account_id, block_d) WHERE block_d IS NOT NULL;
CREATE INDEX records_born ON records (account_id, born_key) WHERE born_key IS NOT NULL;
SELECT muster.protect('records');

-- The last answer about each source record.
CREATE TABLE answers (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    situation text NOT NULL,
    reason text NOT NULL,
    link_rev bigint NOT NULL,
    source_rev bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (company_id, record_id)
) WITH (fillfactor = 80);
SELECT muster.protect('answers');

-- Which unlinked source records name which destination records.
CREATE TABLE candidates (
    company_id uuid NOT NULL,
    destination_record_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    PRIMARY KEY (destination_record_id, source_record_id, company_id)
);
CREATE INDEX candidates_source ON candidates (source_record_id);
SELECT muster.protect('candidates');

-- Record first in the keys: with the company first, a plan made while the table is empty reads all of the company's links.
CREATE TABLE links (
    company_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    destination_record_id uuid NOT NULL,
    source_account_id uuid NOT NULL,
    destination_account_id uuid NOT NULL,
    destination_remote_id text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('auto', 'manual', 'created')),
    actor text,
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_record_id, destination_account_id, company_id),
    UNIQUE (destination_record_id, source_account_id, company_id)
);
SELECT muster.protect('links');

-- What people decided and recomputation must not undo; a person's link stands in links. Kind create names no destination record.
CREATE TABLE decisions (
    company_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('unlink', 'create')),
    destination_record_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    actor text,
    decided_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, source_record_id, kind, destination_record_id)
);
SELECT muster.protect('decisions');

-- Records that we created although a person's decision stood elsewhere by then: use or deactivate them.
CREATE TABLE cases (
    company_id uuid NOT NULL,
    destination_record_id uuid NOT NULL,
    source_record_id uuid NOT NULL,
    kind text NOT NULL DEFAULT 'created_by_us',
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, destination_record_id)
);
SELECT muster.protect('cases');

-- Records that must be decided again, walked by the worker.
CREATE TABLE due (
    company_id uuid NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (company_id, record_id)
);
SELECT muster.protect('due'), muster.open_to_system('due');

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

CREATE TABLE directories (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    complete_as_of timestamptz NOT NULL,
    matched_as_of timestamptz,
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('directories'), muster.open_to_system('directories');
