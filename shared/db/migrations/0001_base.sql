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
CREATE FUNCTION muster.keep_partitions(parent regclass, days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    schema_name text;
    table_name text;
    day date;
    old record;
    dropped int := 0;
BEGIN
    SELECT n.nspname, c.relname INTO schema_name, table_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent;
    IF session_user <> schema_name AND NOT pg_has_role(session_user, 'pg_database_owner', 'MEMBER') THEN
        RAISE EXCEPTION 'only % keeps the partitions of its tables', schema_name;
    END IF;
    PERFORM pg_advisory_xact_lock(8700, hashtext(parent::text));
    FOR day IN SELECT generate_series(current_date, current_date + 3, '1 day')::date LOOP
        IF to_regclass(format('%I.%I', schema_name, table_name || to_char(day, '_YYYYMMDD'))) IS NULL THEN
            EXECUTE format('CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
                schema_name, table_name || to_char(day, '_YYYYMMDD'), parent, day, day + 1);
            EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY',
                schema_name, table_name || to_char(day, '_YYYYMMDD'));
        END IF;
    END LOOP;
    FOR old IN
        SELECT c.oid::regclass AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = parent AND c.relname ~ (table_name || '_\d{8}$')
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - days
    LOOP
        EXECUTE format('DROP TABLE %s', old.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
