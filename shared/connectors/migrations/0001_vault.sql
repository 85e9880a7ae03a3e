-- Sealed credentials and the health of each connection. Only shared/connectors/vault.py reads or writes here.
-- A refresh is guarded by a lease instead of an open transaction: `version` moves whenever the credential does.
CREATE TABLE credentials (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    system text NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz,
    state text NOT NULL DEFAULT 'connected' CHECK (
        state IN ('connected', 'paused', 'reconnect', 'wrong_company', 'no_rights', 'wrong_application', 'disconnected')),
    problem text NOT NULL DEFAULT '',
    -- What was wrong with the last complete read of the directory: so many of so many people would have been marked as gone.
    warning text NOT NULL DEFAULT '' CHECK (warning IN ('', 'directory_short')),
    warning_count int NOT NULL DEFAULT 0,
    warning_total int NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- When the key or the tokens were given or last replaced.
    renewed_at timestamptz NOT NULL DEFAULT now(),
    version bigint NOT NULL DEFAULT 1,
    lease_until timestamptz,
    reconnect_by timestamptz,
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('credentials', 'gateway', 'importer', 'syncer');

-- The next free moments of each directory, for all services together. Unlogged: what is forgotten after a crash
-- costs nothing, because calls are spread evenly and never saved up. Nothing here belongs to a company.
CREATE UNLOGGED TABLE rates (
    directory text PRIMARY KEY,
    call_at timestamptz NOT NULL DEFAULT '-infinity',
    batch_at timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity',
    strikes int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
SELECT muster.open_to_system('rates', 'gateway', 'importer', 'syncer');

-- How many calls each process may have on their way to a directory at once.
CREATE UNLOGGED TABLE callers (
    directory text NOT NULL,
    caller uuid NOT NULL,
    slots int NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (directory, caller)
) WITH (fillfactor = 50);
SELECT muster.open_to_system('callers', 'gateway', 'importer', 'syncer');

-- Calls that were made, by month: Intuit charges for metered ones (data going out) and not for the others.
-- `in_minute` counts those of the minute of the last ones.
CREATE TABLE calls (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    month date NOT NULL,
    unmetered bigint NOT NULL DEFAULT 0,
    metered bigint NOT NULL DEFAULT 0,
    last_at timestamptz NOT NULL DEFAULT now(),
    in_minute int NOT NULL DEFAULT 0,
    PRIMARY KEY (company_id, account_id, month)
);
SELECT muster.protect('calls', 'gateway', 'importer', 'syncer');

-- One process asks for the next moments at which it may call. `granted` of them, the first in `wait` seconds, each a
-- gap after the one before; none while `paused` or with no `slots` beyond those in flight. Bulk reads (not urgent)
-- get a moment only when nobody is ahead of them.
-- Before PostgreSQL 17 no time can be taken from an infinite one. Without limits nobody waits for a lock either.
CREATE FUNCTION take_calls(
    p_directory text, p_caller uuid, p_wanted int, p_batch boolean, p_urgent boolean, p_patience double precision,
    p_gap double precision, p_batch_gap double precision, p_in_flight int, p_slots int, p_most_slots int
) RETURNS TABLE (granted int, wait double precision, slots int, paused double precision)
LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
#variable_conflict use_column
DECLARE
    rate rates;
    at timestamptz;
    gap interval := make_interval(secs => p_gap);
    batch_gap interval := make_interval(secs => p_batch_gap);
    late interval := make_interval(secs => least(CASE WHEN p_batch THEN p_batch_gap ELSE p_gap END / 2, 0.5));
    first_at timestamptz;
BEGIN
    granted := 0;
    wait := 0;
    slots := p_in_flight;
    IF p_gap + p_batch_gap + p_most_slots > 0 THEN
        INSERT INTO rates (directory) VALUES (p_directory) ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT rate FROM rates WHERE directory = p_directory FOR UPDATE;
    ELSE
        SELECT * INTO rate FROM rates WHERE directory = p_directory;
    END IF;
    at := clock_timestamp();
    paused := CASE WHEN rate.paused_until > at THEN extract(epoch FROM rate.paused_until - at) ELSE 0 END;
    IF paused > 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_gap + p_batch_gap + p_most_slots = 0 THEN
        granted := p_wanted;
        slots := p_slots;
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_most_slots > 0 THEN
        slots := greatest(p_in_flight, least(p_slots, p_most_slots - (
            SELECT coalesce(sum(c.slots), 0)::int FROM callers c
            WHERE c.directory = p_directory AND c.caller <> p_caller AND c.until > at)));
        INSERT INTO callers VALUES (p_directory, p_caller, slots, at + interval '45 seconds')
        ON CONFLICT (directory, caller) DO UPDATE SET slots = excluded.slots, until = excluded.until;
        IF slots <= p_in_flight THEN
            RETURN NEXT;
            RETURN;
        END IF;
    ELSE
        slots := p_slots;
    END IF;
    -- A little may be caught up with: who asks late, again and again, would lose a part of each gap.
    first_at := greatest(CASE WHEN p_batch THEN rate.batch_at ELSE rate.call_at END, at - late);
    wait := greatest(extract(epoch FROM first_at - at), 0);
    IF wait > p_patience OR (NOT p_urgent AND first_at > at) THEN
        RETURN NEXT;
        RETURN;
    END IF;
    granted := p_wanted;
    UPDATE rates SET
        call_at = greatest(rate.call_at, at - late) + gap * p_wanted,
        batch_at = CASE WHEN p_batch THEN first_at + batch_gap * p_wanted ELSE rate.batch_at END
    WHERE directory = p_directory AND p_gap + p_batch_gap > 0;
    RETURN NEXT;
END $$;
GRANT EXECUTE ON FUNCTION take_calls TO gateway, importer, syncer;
