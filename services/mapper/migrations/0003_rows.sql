-- What a batch writes goes as one array of rows (decision 0011), each with its fields in the order of the core's type.
CREATE TYPE record_row AS (
    company_id uuid, record_id uuid, account_id uuid, remote_id text, rev bigint, state text, active boolean, number text,
    email text, first_name text, last_name text, birth_date date, number_key text, email_key text, phone_key text,
    first_key text, last_key text, block_a text, block_b text, block_c text, block_d text, born_key text
);
CREATE TYPE answer_row AS (
    company_id uuid, record_id uuid, situation text, reason text, link_rev bigint, source_rev bigint, hash bytea
);
CREATE TYPE candidate_row AS (company_id uuid, destination_record_id uuid, source_record_id uuid);
