-- The selective column first, so that a plan made while the tables are empty never reads a whole company (decision 0005).
-- What must start with the company is partial, so that only a statement that says the same can use it: the chain is read with
-- `n > 0`, lists with their account; an event and a record are looked up by their ids.
ALTER TABLE log ADD CHECK (n > 0);
ALTER TABLE log DROP CONSTRAINT log_pkey, DROP CONSTRAINT log_company_id_event_id_key, ADD PRIMARY KEY (event_id, company_id);
CREATE UNIQUE INDEX log_chain ON log (company_id, n) WHERE n > 0;
DROP INDEX log_record;
CREATE INDEX log_record ON log (record_id, company_id, n) WHERE record_id IS NOT NULL;
ALTER TABLE facts DROP CONSTRAINT facts_pkey, ADD PRIMARY KEY (record_id, company_id);
ALTER TABLE record_view DROP CONSTRAINT record_view_pkey, ADD PRIMARY KEY (record_id, company_id);
DROP INDEX record_view_status;
CREATE INDEX record_view_status ON record_view (company_id, status, synced_key, record_id) WHERE account_id IS NOT NULL;
ALTER TABLE record_view SET (fillfactor = 50);
