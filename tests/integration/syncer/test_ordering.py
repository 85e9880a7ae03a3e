"""Unique values that move between people, in one push, against the sandboxes of both systems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import pytest
import pytest_asyncio

from services.syncer.store import plan_brakes
from services.syncer.worker import Sender
from shared.connectors.ports import PreparedCall, Written
from shared.domain.employee import Remote
from shared.domain.settings import Account
from shared.errors import Unavailable
from shared.settings import LimitSettings
from tests.support.companies import COMPANY, NAMESPACE
from tests.support.systems import Side, sandbox

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio
MOST = 60
"""Steps of the sender that one push may take."""


@dataclass
class Ending:
    """A connector whose process ends during its call number `ends_at`, after the system has carried that out."""

    connector: Any
    ends_at: int
    sent: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connector, name)

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        written: Sequence[Written] = await self.connector.send(call, again=again)
        self.sent += 1
        if self.sent == self.ends_at:
            raise asyncio.CancelledError
        return written


@dataclass
class Down:
    """A connector whose system answers no write."""

    connector: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connector, name)

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        raise Unavailable("503")


@dataclass(frozen=True)
class OneConnector:
    """Gives out the one connector."""

    connector: Any

    async def get(self, account: Account, company: UUID) -> Any:
        return self.connector


@dataclass
class Exchange:
    """People who are linked, and whose source wants values that others have at the destination."""

    world: World
    side: Side
    remotes: list[str] = field(default_factory=list)

    def unique(self, n: int) -> dict[str, str]:
        """What only person n has: a name in QuickBooks, an e-mail address in Linarc."""
        if self.side.system == "quickbooks":
            return {"first_name": f"Ann{n}", "last_name": "Li"}
        return {"first_name": "Ann", "last_name": "Li", "email": f"p{n}@x.com"}

    async def begin(self, takes: Sequence[int]) -> None:
        """Person n has the values of n, and is to have those of `takes[n]`."""
        people = []
        for n in range(len(takes)):
            values = self.unique(n)
            email = {"email": values["email"]} if "email" in values else {}
            people.append(self.side.person(values["first_name"], values["last_name"]) | email)
        self.remotes = await self.side.seed(people)
        found = await self.side.connector().read_many(self.remotes)
        for n, other in enumerate(takes):
            remote = found[self.remotes[n]]
            assert isinstance(remote, Remote)
            await self.world.found(remote)
            await self.world.staged(f"s{n}", **self.unique(other))
            await self.world.linked(f"s{n}", self.remotes[n])

    def use(self, connector: Any) -> None:
        """A new process, with this connector."""
        handlers = self.world.handlers
        self.world.sender = Sender(
            self.world.database,
            handlers.outbox,
            OneConnector(connector),
            handlers.clock,
            handlers.settings,
            handlers.senders,
        )

    async def push(self, *people: int, name: str = "run") -> None:
        await self.world.sync(*(f"s{n}" for n in people), name=name)

    async def work(self) -> None:
        """Until nothing is left to do, as if all pauses and leases were over."""
        for _ in range(MOST):
            if await self.world.step():
                continue
            await self.world.due()
            await self.world.rows(
                "UPDATE calls SET lease_until = now() - interval '1 s' WHERE state = 'sending'"
            )
            await self.world.rows(
                "UPDATE pushes SET lease_until = now() - interval '1 s' WHERE state = 'claimed'"
            )
            if not await self.world.step():
                return
        raise AssertionError("repeated without end")

    async def settle(self) -> None:
        """Until nothing is left to do before the retries of what has failed."""
        for _ in range(MOST):
            await self.world.send()
            await self.world.due()
            if not await self.world.step():
                return
        raise AssertionError("repeated without end")

    async def there(self) -> list[str]:
        """What each person has at the destination."""
        rows, key = await self.side.rows(), "DisplayName"
        if self.side.system == "linarc":
            key = "email"
        return [str(rows[remote][key]) for remote in self.remotes]

    def named(self, *people: int) -> list[str]:
        """What these have at first."""
        values = [self.unique(n) for n in people]
        return [v.get("email") or f"{v['first_name']} {v['last_name']}" for v in values]

    async def statuses(self) -> list[tuple[str, str]]:
        found = await self.world.statuses()
        return [found[self.world.id(f"s{n}")] for n in range(len(self.remotes))]


@pytest_asyncio.fixture(params=["quickbooks", "linarc"])
async def exchange(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Exchange]:
    """People at the sandbox of each system, which the world's sender talks to."""
    if request.param == "linarc":
        await world.flip()
    async with sandbox(request.param, "in process", tmp_path) as place:
        side = Side(request.param, place, world.database, LimitSettings(enforced=False))
        await side.connect()
        found = Exchange(world, side)
        found.use(side.connector())
        yield found
        await side.close()


@pytest.mark.parametrize("takes", [[1, 0], [1, 2, 0], [1, 2, 3, 4, 9], [1, 0, 3, 2, 0]])
async def test_values_move_in_one_push(exchange: Exchange, takes: list[int]) -> None:
    """Two who swap, a cycle of three, a chain of five; and one who wants what somebody of a cycle keeps in the end."""
    await exchange.begin(takes)

    await exchange.push(*range(len(takes)))
    await exchange.work()

    late = takes == [1, 0, 3, 2, 0]
    reached = [n for n in range(len(takes)) if not (late and n == 4)]
    there, statuses = await exchange.there(), await exchange.statuses()
    assert [there[n] for n in reached] == exchange.named(*(takes[n] for n in reached))
    assert {statuses[n] for n in reached} == {("synced", "")}
    if late:
        assert statuses[4][0] == "needs_action"
        assert statuses[4][1].startswith("duplicate_")
    assert not await exchange.world.rows("SELECT * FROM moved_values")


@pytest.mark.reason("waiting_for")
async def test_what_waits_says_so_and_the_plan_shows_the_temporary_value(exchange: Exchange) -> None:
    await exchange.begin([1, 2, 1])

    await exchange.push(0, 1, 2)
    await exchange.world.step()

    assert (await exchange.statuses())[0] == ("syncing", "waiting_for")
    (row,) = await exchange.world.rows("SELECT waits_for FROM pushes WHERE waits_for IS NOT NULL")
    assert row["waits_for"] in {exchange.world.id("s1"), exchange.world.id("s2")}
    last = [s for s in await exchange.world.published("status.changed") if s["reason"] == "waiting_for"][-1]
    assert exchange.world.received["s1"].full_name() == last["holder"]["name"]
    plans = await exchange.world.published("push.planned")
    ways = [change["via"] for plan in plans for change in plan["fields"].values() if change.get("via")]
    assert len(set(ways)) == 2
    await exchange.work()
    assert (await exchange.there())[1:] == exchange.named(2, 1)


async def test_who_waits_for_one_that_is_refused_is_refused_too(exchange: Exchange) -> None:
    """The last of them wants what somebody has who is not pushed."""
    await exchange.begin([1, 2, 2])
    before = await exchange.there()

    await exchange.push(0, 1)
    await exchange.work()

    assert await exchange.there() == before
    statuses = await exchange.statuses()
    assert {status for status, _ in statuses[:2]} == {"needs_action"}
    assert all(reason.startswith("duplicate_") for _, reason in statuses[:2])


async def test_who_waits_for_a_retry_says_when_and_follows_it(exchange: Exchange) -> None:
    """The run ends with both counted apart; the one that waits is written when the other has been."""
    await exchange.begin([1, 2])
    exchange.use(Down(exchange.side.connector()))
    await exchange.push(1)
    await exchange.settle()
    exchange.use(exchange.side.connector())

    await exchange.push(0, name="second")
    await exchange.settle()

    assert ("failed", "unavailable") == (await exchange.statuses())[1]
    assert ("syncing", "waiting_for") == (await exchange.statuses())[0]
    rows = await exchange.world.rows("SELECT retry_at FROM records WHERE status IN ('failed', 'syncing')")
    assert 1 == len({row["retry_at"] for row in rows})
    assert rows[0]["retry_at"] is not None
    ends = await exchange.world.published("sync.completed")
    assert [(0, 0, 1), (0, 0, 1)] == [tuple(e[n] for n in ("succeeded", "failed", "retrying")) for e in ends]
    await exchange.world.retried()
    assert await exchange.there() == exchange.named(1, 2)
    assert {("synced", "")} == set(await exchange.statuses())
    assert ends == await exchange.world.published("sync.completed")


async def test_those_who_swap_keep_their_values_while_one_waits_to_be_retried(exchange: Exchange) -> None:
    await exchange.begin([1, 0])
    before = await exchange.there()
    exchange.use(Down(exchange.side.connector()))
    await exchange.push(1)
    await exchange.settle()
    exchange.use(exchange.side.connector())

    await exchange.push(0, name="second")
    await exchange.settle()

    assert before == await exchange.there()
    assert ("syncing", "waiting_for") == (await exchange.statuses())[0]
    await exchange.world.retried()
    assert await exchange.there() == exchange.named(1, 0)
    assert {("synced", "")} == set(await exchange.statuses())


@pytest.mark.parametrize("ends_at", [1, 2, 3, 4])
async def test_a_worker_that_ends_between_temporary_and_final_write_leaves_nothing_behind(
    exchange: Exchange, ends_at: int
) -> None:
    """Whatever call its process ended in, the next one finishes the exchange."""
    await exchange.begin([1, 0])
    exchange.use(Ending(exchange.side.connector(), ends_at))
    await exchange.push(0, 1)

    try:
        await exchange.work()
    except (asyncio.CancelledError, ExceptionGroup):
        exchange.use(exchange.side.connector())
    await exchange.work()

    assert await exchange.there() == exchange.named(1, 0)
    assert set(await exchange.statuses()) == {("synced", "")}


async def test_a_swap_that_a_limit_stops_in_the_middle_leaves_no_temporary_value(exchange: Exchange) -> None:
    """What has begun finishes, also when somebody then cancels the rest."""
    await exchange.begin([1, 0])
    await exchange.push(0, 1)
    begun = "SELECT push_id FROM pushes WHERE step <> '' AND state = 'planned'"
    while not await exchange.world.rows(begun):
        assert await exchange.world.step()

    plan = uuid5(NAMESPACE, "run")
    async with exchange.world.database.locked([COMPANY]) as tx:
        await plan_brakes.hold(tx, COMPANY, plan, [])
        await plan_brakes.cancel_pushes(tx, COMPANY, plan)
    await exchange.work()

    assert set(await exchange.there()) <= set(exchange.named(0, 1))
    assert not await exchange.world.rows("SELECT FROM pushes WHERE state <> 'done'")
