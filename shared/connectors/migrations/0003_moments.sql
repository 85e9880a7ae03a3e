-- Before PostgreSQL 17 no time can be taken from an infinite one. Without limits nobody waits for a lock either.
CREATE OR REPLACE FUNCTION take_calls(
    p_directory text, p_caller uuid, p_wanted int, p_batch boolean, p_urgent boolean, p_patience double precision,
    p_gap double precision, p_batch_gap double precision, p_in_flight int, p_slots int, p_most_slots int
) RETURNS TABLE (granted int, wait double precision, slots int, paused double precision)
LANGUAGE plpgsql SET search_path = vault, pg_temp SET synchronous_commit = off AS $$
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
