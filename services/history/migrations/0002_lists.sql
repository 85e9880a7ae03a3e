CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA muster;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA muster;

-- What lists are sorted by stands with the employee, not with the status, so that no status moves an entry of these.
ALTER TABLE facts
    ADD number_key text COLLATE "C" GENERATED ALWAYS AS (lpad(coalesce(number, ''), 32)) STORED,
    ADD name_key text COLLATE "C" GENERATED ALWAYS AS (left(search, 100)) STORED;
CREATE INDEX facts_number ON facts (company_id, account_id, number_key, record_id);
CREATE INDEX facts_name ON facts (company_id, account_id, name_key, record_id);
CREATE INDEX facts_search ON facts USING gin (company_id muster.uuid_ops, search muster.gin_trgm_ops);

-- The one index that a status moves: few records with a status are found among many, and in the order of their last success.
-- A column, because row security keeps an expression from being searched by.
ALTER TABLE record_view
    ALTER status TYPE text COLLATE "C",
    ADD synced_key timestamptz GENERATED ALWAYS AS (coalesce(synced_at, 'epoch')) STORED;
CREATE INDEX record_view_status ON record_view (company_id, status, synced_key, record_id);

-- Text search. Row security would hide the trigrams from the planner, so this filters by company itself, in one place.
CREATE FUNCTION found(company uuid, account uuid, pattern text, most int) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = history, muster, pg_catalog SET plan_cache_mode = force_custom_plan SET enable_indexscan = off AS $$
BEGIN
    IF company <> ALL (muster.current_companies()) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT f.record_id FROM facts f
        WHERE f.company_id = company AND f.account_id = account AND f.search LIKE pattern LIMIT most
    );
END $$;
REVOKE EXECUTE ON FUNCTION found FROM PUBLIC;
GRANT EXECUTE ON FUNCTION found TO history;
CREATE POLICY found ON facts TO CURRENT_USER USING (true);
