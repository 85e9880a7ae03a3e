"""The budget of one directory, kept by several processes together and by the database's clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from shared.clock import SystemClock
from shared.connectors.limits import Gate, Limits
from shared.db.tx import Database, Tx
from shared.domain.settings import Account
from shared.errors import RateLimited, Unauthorized
from shared.settings import RATES, LimitSettings
from tests.support.eventually import eventually

COMPANY, OTHER = UUID(int=1), UUID(int=7)
ACCOUNT = Account(
    account_id=UUID(int=2),
    system="quickbooks",
    environment="sandbox",
    tenant_id="9130350000000999",
    base_url="https://quickbooks.test",
)


def rates(**limits: int) -> LimitSettings:
    every = dict.fromkeys(RATES, 0) | limits
    return LimitSettings(rates=",".join(f"quickbooks.{name}={number}" for name, number in every.items()))


async def connect(database: Database, company: UUID = COMPANY, account: Account = ACCOUNT) -> None:
    async with database.transaction([company]) as tx:
        await tx.execute(
            "INSERT INTO vault.credentials (company_id, account_id, system, key_id, sealed)"
            " VALUES ($1, $2, 'quickbooks', '', '')",
            company,
            account.account_id,
        )


def gates(databases: Sequence[Database], settings: LimitSettings, count: int = 3) -> list[Gate]:
    """As many processes as that."""
    return [
        Limits(databases[n % len(databases)], settings, SystemClock()).gate(COMPANY, ACCOUNT)
        for n in range(count)
    ]


class Watch:
    """When calls came, and how many were inside at once."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.inside = self.most = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.at.append(asyncio.get_running_loop().time())
        self.inside += 1
        self.most = max(self.most, self.inside)
        yield
        self.inside -= 1

    def most_within(self, seconds: float) -> int:
        window: deque[float] = deque()
        most = 0
        for at in sorted(self.at):
            window.append(at)
            while window[0] <= at - seconds:
                window.popleft()
            most = max(most, len(window))
        return most


async def call(gate: Gate, watch: Watch, times: int, seconds: float = 0.0, **kind: Any) -> None:
    for _ in range(times):
        async with gate.call(**kind):
            with watch():
                await asyncio.sleep(seconds)


async def test_several_processes_keep_one_rate_and_use_nearly_all_of_it(
    database: Database, other_database: Database
) -> None:
    await connect(database)
    three = gates([database, other_database], rates(requests_per_second=12))
    watch = Watch()
    await asyncio.gather(*(call(gate, watch, 3) for gate in three for _ in range(4)))
    took = max(watch.at) - min(watch.at)
    assert watch.most_within(1.0) <= 12
    assert len(watch.at) / took > 12 / 1.2 * 0.97 * 0.8
    for gate in three:
        await gate.close()


async def test_the_rate_of_batches_is_kept_apart_and_counts_as_calls_too(database: Database) -> None:
    await connect(database)
    (gate,) = gates([database], rates(requests_per_second=100, batches_per_minute=600), 1)
    batches, calls = Watch(), Watch()
    began = asyncio.get_running_loop().time()  # the first may come late by what it waited for a processor
    await asyncio.gather(
        *(call(gate, batches, 5, batch=True) for _ in range(3)), *(call(gate, calls, 40) for _ in range(3))
    )
    assert max(batches.at) - began > 14 * 0.1 - 0.1
    calls.at += batches.at
    assert calls.most_within(1.0) <= 100
    await gate.close()


async def test_not_more_are_on_their_way_at_once_than_the_limit_says(
    database: Database, other_database: Database
) -> None:
    await connect(database)
    three = gates([database, other_database], rates(concurrent=10))
    watch = Watch()
    await asyncio.gather(*(call(gate, watch, 4, 0.05) for gate in three for _ in range(8)))
    assert 6 <= watch.most <= 10
    for gate in three:
        await gate.close()
    budget = await Limits(database, rates(concurrent=10), SystemClock()).budget(COMPANY, ACCOUNT)
    assert (budget.reserved, budget.concurrent) == (0, 10)


async def test_a_process_that_died_holds_its_slots_no_longer_than_its_calls_could_last(
    database: Database, other_database: Database
) -> None:
    await connect(database)
    dead, alive = gates([database, other_database], rates(concurrent=2), 2)
    async with dead.call(), asyncio.timeout(5):
        async with database.transaction([COMPANY]) as tx:
            await tx.execute("UPDATE vault.callers SET slots = 2")
        waiting = asyncio.create_task(call(alive, Watch(), 1))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        async with database.transaction([COMPANY]) as tx:
            await tx.execute("UPDATE vault.callers SET until = now()")
        await waiting
    await dead.close()
    await alive.close()


async def test_bulk_reads_let_others_go_first_and_still_get_their_turn(
    database: Database, other_database: Database
) -> None:
    await connect(database)
    reading, writing = gates([database, other_database], rates(requests_per_second=20), 2)
    bulk, urgent = Watch(), Watch()
    await asyncio.gather(
        call(reading, bulk, 6, bulk=True),
        *(call(writing, urgent, 12) for _ in range(4)),
    )
    assert max(urgent.at) < max(bulk.at)
    both = Watch()
    both.at = bulk.at + urgent.at
    assert both.most_within(1.0) <= 20
    for gate in (reading, writing):
        await gate.close()


async def test_who_is_asked_to_wait_makes_everybody_wait(
    database: Database, other_database: Database
) -> None:
    await connect(database)
    one, two = gates([database, other_database], rates(), 2)
    with pytest.raises(RateLimited):
        async with one.call():
            raise RateLimited("quickbooks: 429", retry_after=90)
    for gate in (one, two):
        with pytest.raises(RateLimited) as caught:
            async with gate.call():
                raise AssertionError("it went through")
        assert caught.value.ours
        assert 85 < caught.value.retry_after <= 90
    budget = await Limits(database, rates(), SystemClock()).budget(COMPANY, ACCOUNT)
    assert budget.paused_until is not None
    async with database.transaction([COMPANY]) as tx:
        await tx.execute("UPDATE vault.rates SET paused_until = now() - interval '1 s'")
    with pytest.raises(RateLimited):
        async with two.call():
            raise RateLimited("quickbooks: 429", retry_after=90)
    with pytest.raises(RateLimited) as again:
        async with one.call():
            raise AssertionError("it went through")
    assert again.value.retry_after > 120
    await one.close()
    await two.close()


async def test_a_wait_that_would_be_too_long_is_said_at_once_and_reserves_nothing(
    database: Database,
) -> None:
    await connect(database)
    (gate,) = gates([database], rates(batches_per_minute=1), 1)
    watch = Watch()
    await call(gate, watch, 1, batch=True)
    with pytest.raises(RateLimited) as caught:
        await call(gate, watch, 1, batch=True)
    assert caught.value.ours and 55 < caught.value.retry_after < 65
    assert len(watch.at) == 1
    await gate.close()


async def test_nobody_calls_for_an_account_that_is_not_connected(database: Database) -> None:
    await connect(database)
    (gate,) = gates([database], rates(), 1)
    await call(gate, Watch(), 3)
    async with database.transaction([COMPANY]) as tx:
        await tx.execute("UPDATE vault.credentials SET state = 'no_rights'")

    async def refused() -> str | None:
        try:
            await call(gate, Watch(), 1)
        except Unauthorized as error:
            return error.state
        return None

    assert await eventually(refused, within=5) == "no_rights"
    await gate.close()


async def test_two_companies_with_one_tenant_share_its_budget(database: Database) -> None:
    await connect(database)
    same = ACCOUNT.model_copy(update={"account_id": UUID(int=8)})
    await connect(database, OTHER, same)
    settings = rates(requests_per_second=20)
    ours = Limits(database, settings, SystemClock()).gate(COMPANY, ACCOUNT)
    theirs = Limits(database, settings, SystemClock()).gate(OTHER, same)
    watch = Watch()
    await asyncio.gather(call(ours, watch, 12), call(theirs, watch, 12))
    assert watch.most_within(1.0) <= 20
    await ours.close()
    await theirs.close()


async def test_what_intuit_charges_for_is_counted_by_account_and_month(database: Database) -> None:
    await connect(database)
    limits = Limits(database, rates(metered_per_month=500), SystemClock())
    gate = limits.gate(COMPANY, ACCOUNT)
    await asyncio.gather(call(gate, Watch(), 7, metered=True), call(gate, Watch(), 4))
    await gate.close()
    budget = await limits.budget(COMPANY, ACCOUNT)
    assert (budget.metered, budget.unmetered, budget.metered_per_month) == (7, 4, 500)
    assert budget.month.day == 1


async def test_without_limits_a_second_of_calls_costs_one_question(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect(database)
    (gate,) = gates([database], LimitSettings(enforced=False), 1)
    asked = 0
    take = gate._take

    async def counted(*args: Any, **more: Any) -> None:
        nonlocal asked
        asked += 1
        await take(*args, **more)

    monkeypatch.setattr(gate, "_take", counted)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(call(gate, Watch(), 100) for _ in range(10)))
    assert asked <= 1 + (asyncio.get_running_loop().time() - started)
    await gate.close()


async def test_no_process_waits_for_the_disk_to_be_given_moments(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash of the database may give some out twice; nothing else of the service is committed so."""
    await connect(database)
    seen: list[str] = []
    fetchrow = Tx.fetchrow

    async def asked(self: Tx, sql: str, *args: object) -> Any:
        row = await fetchrow(self, sql, *args)
        seen.append(await self.fetchval("SHOW synchronous_commit"))
        return row

    monkeypatch.setattr(Tx, "fetchrow", asked)
    (gate,) = gates([database], LimitSettings(), 1)
    async with gate.call():
        pass
    await gate.close()
    assert seen == ["off"]
    async with database.transaction([COMPANY]) as tx:
        assert await tx.fetchval("SHOW synchronous_commit") == "on"
