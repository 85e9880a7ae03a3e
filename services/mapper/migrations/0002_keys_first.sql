-- The selective column first, so that a plan made while the table is empty never reads a whole company (decision 0005).
ALTER TABLE records DROP CONSTRAINT records_pkey, ADD PRIMARY KEY (record_id, company_id);
DROP INDEX records_number, records_email, records_phone, records_a, records_b, records_c, records_d, records_born;
CREATE INDEX records_number ON records (number_key, account_id) WHERE number_key IS NOT NULL;
CREATE INDEX records_email ON records (email_key, account_id) WHERE email_key IS NOT NULL;
CREATE INDEX records_phone ON records (phone_key, account_id) WHERE phone_key IS NOT NULL;
CREATE INDEX records_a ON records (block_a, account_id) WHERE block_a IS NOT NULL;
CREATE INDEX records_b ON records (block_b, account_id) WHERE block_b IS NOT NULL;
CREATE INDEX records_c ON records (block_c, account_id) WHERE block_c IS NOT NULL;
CREATE INDEX records_d ON records (block_d, account_id) WHERE block_d IS NOT NULL;
CREATE INDEX records_born ON records (born_key, account_id) WHERE born_key IS NOT NULL;
CREATE INDEX records_account ON records (account_id);

ALTER TABLE answers DROP CONSTRAINT answers_pkey, ADD PRIMARY KEY (record_id, company_id);
ALTER TABLE decisions DROP CONSTRAINT decisions_pkey,
    ADD PRIMARY KEY (source_record_id, company_id, kind, destination_record_id);
