"""The budgets of all directories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from shared.clock import Clock
from shared.connectors.limits.gate import Directory, Gate
from shared.db.tx import Database
from shared.domain.capabilities import Rates
from shared.domain.settings import Account
from shared.settings import LimitSettings
from shared.systems import SYSTEMS

_BUDGET = """
SELECT (SELECT nullif(paused_until, '-infinity') FROM vault.rates WHERE directory = $1) AS paused_until,
       (SELECT greatest(extract(epoch FROM nullif(call_at, '-infinity') - now()), 0) FROM vault.rates
        WHERE directory = $1)::float8 AS wait,
       (SELECT coalesce(sum(slots), 0)::int FROM vault.callers WHERE directory = $1 AND until > now()) AS slots,
       date_trunc('month', now() AT TIME ZONE 'UTC')::date AS month, coalesce(c.unmetered, 0) AS unmetered,
       coalesce(c.metered, 0) AS metered,
       (SELECT max(last_at) FROM vault.calls WHERE company_id = $2 AND account_id = $3) AS last_at, now() AS now,
       CASE WHEN c.last_at > now() - interval '1 minute' THEN c.in_minute ELSE 0 END AS in_minute
FROM (SELECT) AS one LEFT JOIN vault.calls AS c
    ON c.company_id = $2 AND c.account_id = $3 AND c.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date
"""

_USED = """
SELECT account_id, metered FROM vault.calls
WHERE company_id = ANY ($1::uuid[]) AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one directory allows, and what has been used. Limits of 0 are none; `metered_*` are CorePlus calls."""

    requests_per_minute: int
    requests_per_second: int
    batches_per_minute: int
    concurrent: int
    reserved: int
    """Of `concurrent`, held by our processes now."""
    wait_seconds: float
    """Until the next free moment."""
    paused_until: datetime | None
    """The system asked us to wait."""
    month: date
    unmetered: int
    metered: int
    metered_per_month: int
    last_at: datetime | None
    """The last call that was counted, a second or so after it."""
    in_minute: int
    """Calls in the minute of the last one; 0 when that is over."""
    lasts_until: datetime | None
    """When the month's metered calls will have been used at the pace of the month so far; None when they last."""


def lasts_until(now: datetime, used: int, allowed: int) -> datetime | None:
    """When `allowed` calls of this month will have been used, if before its end. The first fifth of them says nothing yet."""
    if not allowed or used * 5 < allowed:
        return None
    if used >= allowed:
        return now
    begun = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    over = (begun + timedelta(days=32)).replace(day=1)
    end = begun + (now - begun) * (allowed / used)
    return end if end < over else None


class Limits:
    """The budgets of all directories. One for each process."""

    def __init__(self, database: Database, settings: LimitSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._caller = clock.new_id()

    def gate(self, company: UUID, account: Account) -> Gate:
        """The gate that this process's calls to `account` go through."""
        directory = Directory(_name(account), account.system, company, account.account_id)
        return Gate(self._database, self._settings, _rates(self._settings, account), self._caller, directory)

    async def used(self, accounts: Mapping[UUID, Sequence[Account]]) -> dict[UUID, tuple[int, int]]:
        """Of each of these companies' accounts: the calls of this month that count, and how many may be made; 0 is no limit."""
        async with self._database.transaction(accounts) as tx:
            used = {row["account_id"]: row["metered"] for row in await tx.fetch(_USED, list(accounts))}
        return {
            one.account_id: (used.get(one.account_id, 0), _rates(self._settings, one).metered_per_month)
            for of in accounts.values()
            for one in of
        }

    async def budget(self, company: UUID, account: Account) -> Budget:
        """For people: how much is allowed, used and waited for."""
        async with self._database.transaction([company]) as tx:
            row = await tx.fetchrow(_BUDGET, _name(account), company, account.account_id)
        assert row is not None
        rates = _rates(self._settings, account)
        paused = row["paused_until"]
        return Budget(
            rates.requests_per_minute,
            rates.requests_per_second,
            rates.batches_per_minute,
            rates.concurrent,
            row["slots"],
            row["wait"] or 0.0,
            paused,
            row["month"],
            row["unmetered"],
            row["metered"],
            rates.metered_per_month,
            row["last_at"],
            row["in_minute"],
            lasts_until(row["now"], row["metered"], rates.metered_per_month),
        )


def _rates(settings: LimitSettings, account: Account) -> Rates:
    """The system's own limits, unless the installation sets others."""
    if not settings.enforced:
        return Rates()
    return replace(SYSTEMS[account.system].rates, **settings.of(account.system))


def _name(account: Account) -> str:
    """The same for every company of ours that is connected to this tenant."""
    return f"{account.system}/{account.environment}/{account.tenant_id}"
