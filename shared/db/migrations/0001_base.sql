-- What every schema builds on: which companies a transaction may see, and how a table is protected.
CREATE FUNCTION muster.current_companies() RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
DECLARE named text := current_setting('muster.companies', true);
BEGIN
    IF named IS NULL OR named = '' THEN
        RAISE EXCEPTION 'this transaction named no company' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN named::uuid[];
END $$;
GRANT EXECUTE ON FUNCTION muster.current_companies TO gateway, importer, mapper, syncer, history;

-- Small letters without accents, apostrophes and doubled blanks, as `shared.domain.search` writes what is asked for.
CREATE FUNCTION muster.searchable(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim(regexp_replace(CASE WHEN octet_length(value) = char_length(value) THEN lower(translate(value, E'''`', ''))
    ELSE replace(replace(replace(replace(translate(
        regexp_replace(lower(normalize(translate(value,
            U&'''`\00B4\02B9\02BB\02BC\02BD\02C8\02CB\2018\2019\201B\2032\FF07', ''), NFKD)), U&'[\0300-\036F]', '', 'g'),
        'łøđðħı', 'loddhi'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), 'ß', 'ss') END, '\s+', ' ', 'g'));
REVOKE EXECUTE ON FUNCTION muster.searchable FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muster.searchable TO mapper, syncer;

-- Row security by company for the service that owns the schema.
CREATE FUNCTION muster.protect(target regclass, VARIADIC roles text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    schema_name text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target);
    role_name text;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    FOREACH role_name IN ARRAY CASE WHEN roles = '{}' THEN ARRAY[schema_name] ELSE roles END LOOP
        EXECUTE format(
            'CREATE POLICY %I ON %s TO %I USING (company_id = ANY ((SELECT muster.current_companies())::uuid[]))',
            role_name || '_company', target, role_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', target, role_name);
    END LOOP;
END $$;

-- A work table that the service's relay and claims see for every company at once.
CREATE FUNCTION muster.open_to_system(target regclass, VARIADIC roles text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    schema_name text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target);
    role_name text;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    FOREACH role_name IN ARRAY CASE WHEN roles = '{}' THEN ARRAY[schema_name || '_system'] ELSE roles END LOOP
        EXECUTE format('CREATE POLICY %I ON %s TO %I USING (true)', role_name || '_all', target, role_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', target, role_name);
    END LOOP;
END $$;

-- Day partitions of a table that is partitioned by event_time: made ahead, dropped when old. Called by the relay.
-- A day's rows may be there before its partition: written while nobody kept the partitions, or with a time far ahead. They
-- stand in the default partition, and PostgreSQL refuses to make a partition beside them. So they are moved into it.
-- Both functions run with their owner's rights: such a function names everything in full, finds temporary objects last, and
-- may be executed by exactly those who need it (tests/integration/db/test_rights.py).
-- Behind its waiting lock every writer waits: a long reader of the table makes it give up soon, and it is called again.
CREATE FUNCTION muster.keep_partitions(parent regclass, days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    schema_name text;
    table_name text;
    part text;
    day date;
    old record;
    dropped int := 0;
BEGIN
    SELECT n.nspname, c.relname INTO schema_name, table_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent;
    IF session_user <> schema_name AND NOT pg_has_role(session_user, current_user, 'SET') THEN
        RAISE EXCEPTION 'only % keeps the partitions of its tables', schema_name;
    END IF;
    PERFORM pg_advisory_xact_lock(8700, hashtext(parent::text));
    FOR day IN SELECT generate_series(current_date, current_date + 3, '1 day')::date LOOP
        part := format('%I.%I', schema_name, table_name || to_char(day, '_YYYYMMDD'));
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', schema_name, table_name || '_other');
        EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format(
            'WITH early AS (DELETE FROM %I.%I WHERE event_time >= %L AND event_time < %L RETURNING *) INSERT INTO %s SELECT * FROM early',
            schema_name, table_name || '_other', day, day + 1, part);
        EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, day, day + 1);
    END LOOP;
    FOR old IN
        SELECT c.oid::regclass AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = parent AND c.relname ~ (table_name || '_\d{8}$')
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - days
    LOOP
        EXECUTE format('DROP TABLE %s', old.name);
        dropped := dropped + 1;
    END LOOP;
    EXECUTE format('DELETE FROM %I.%I WHERE event_time < %L',
        schema_name, table_name || '_other', current_date - days);
    RETURN dropped;
END $$;

-- Who has held a writing transaction open for over five seconds: another role's sessions are hidden from a service.
CREATE FUNCTION muster.oldest_writer() RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pid FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND xact_start < now() - interval '5 seconds' ORDER BY xact_start LIMIT 1
$$;

GRANT EXECUTE ON FUNCTION muster.keep_partitions, muster.oldest_writer
    TO gateway_system, importer_system, mapper_system, syncer_system, history_system;
