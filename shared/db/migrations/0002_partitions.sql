-- A day's rows may be there before its partition: written while nobody kept the partitions, or with a time far ahead. They
-- stand in the default partition, and PostgreSQL refuses to make a partition beside them. So they are moved into it.
CREATE OR REPLACE FUNCTION muster.keep_partitions(parent regclass, days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
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
    IF session_user <> schema_name AND NOT pg_has_role(session_user, 'pg_database_owner', 'MEMBER') THEN
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
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT pid FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND xact_start < now() - interval '5 seconds' ORDER BY xact_start LIMIT 1
$$;
