"""Plans from their making to their end, on the real database."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import orjson
import pytest

from services.syncer.store import plan_brakes, plan_reads, plans
from shared.contracts.commands import ApplyPlan, CancelPlan, ExcludeRecords, ReleasePlan
from shared.domain.employee import Employee
from shared.domain.plans import NO_LIMITS, PlanKind, SafetyLimits
from shared.domain.search import pattern
from shared.domain.values import Cause
from tests.support.companies import COMPANY

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio
PEOPLE = [str(n) for n in range(1, 13)]
FIRST = SafetyLimits()
LIMITS = SafetyLimits(first_sync=False)


async def known(world: World, *people: str) -> None:
    """These people are at the source, and nobody at the destination is one of them."""
    await world.staged(*people)
    await world.unmatched(*people)


async def everywhere(world: World, *people: str) -> None:
    """These people are at both sides, equal, linked and confirmed."""
    await known(world, *people)
    await world.sync(*people, name="first")
    await world.send()
    for there, remote in world.destination.people.items():
        (source,) = [p for p in people if f"Li{p}" == remote.employee.last_name]
        await world.echo(there)
        await world.linked(source, there)
    world.destination.calls.clear()


async def records(world: World, plan: UUID) -> dict[str, tuple[str, str | None]]:
    """By remote id: the action, and what became of it."""
    rows = await world.rows(
        "SELECT s.remote_id, r.action, r.outcome FROM plan_records r JOIN snapshots s USING (company_id, record_id) "
        f"WHERE plan_id = '{plan}'"
    )
    return {row["remote_id"]: (row["action"], row["outcome"]) for row in rows}


async def writes(world: World) -> int:
    """How many records have been sent."""
    return sum(len(call.members) for call in world.destination.calls)


async def test_a_draft_writes_and_reserves_nothing(world: World) -> None:
    """Another sync of a planned record goes on; the plan then finds nothing to do for it."""
    await known(world, "1", "2")
    plan = await world.plan("1", "2")

    assert await world.state_of(plan) == "draft"
    await world.send()
    assert await writes(world) == 0
    assert set((await world.statuses()).values()) == {("needs_sync", "not_pushed")}

    await world.sync("1")
    await world.send()
    await world.command(ApplyPlan(run_id=plan))
    await world.send()

    assert await records(world, plan) == {"1": ("create", "skipped"), "2": ("create", "pushed")}
    assert len(world.destination.people) == 2
    assert await world.state_of(plan) == "done"
    (first, second) = await world.published("sync.completed")
    assert (second["succeeded"], second["failed"], second["skipped"]) == (1, 0, {"synced": 1})
    assert first["run_id"] != second["run_id"] == str(plan)


@pytest.mark.reason("moved")
async def test_what_is_applied_is_what_was_planned_and_what_moved_is_held(world: World) -> None:
    """An edit at the source, one at the destination, and one that makes both equal."""
    await everywhere(world, "1", "2", "3", "4")
    await world.staged("1", "2", "3", "4", rev=5, phone="+15035550101")
    plan = await world.plan("1", "2", "3", "4")

    await world.staged("2", rev=6, phone="+15035550102")
    there = {r.employee.last_name: i for i, r in world.destination.people.items()}
    for name, phone in (("Li3", "+15035550103"), ("Li4", "+15035550101")):
        old = world.destination.people[there[name]]
        world.destination.people[there[name]] = old.model_copy(
            update={"employee": old.employee.overlaid(Employee(phone=phone)), "version": "9"}
        )
        await world.echo(there[name], rev=9)
    await world.command(ApplyPlan(run_id=plan))
    await world.send()

    found = await records(world, plan)
    assert found["1"] == ("update", "pushed")
    assert (found["2"], found["3"]) == (("update", "held"), ("update", "held"))
    statuses = await world.statuses()
    assert statuses[world.id("1")] == ("synced", "")
    assert {statuses[world.id(i)] for i in ("2", "3")} == {("held", "moved")}
    assert await writes(world) == 1
    (moved,) = await world.rows(
        f"SELECT moved FROM plan_records WHERE plan_id = '{plan}' AND record_id = '{world.id('2')}'"
    )
    assert orjson.loads(moved["moved"])["phone"]["after"] == "+15035550102"
    held = await world.published("push.held")
    assert {(h["reason"], h["field"]) for h in held} == {("moved", "phone")}


@pytest.mark.reason("skipped.taken_out")
async def test_rows_that_are_taken_out_stay_as_they_are_until_they_are_put_back(world: World) -> None:
    await known(world, "1", "2", "3")
    plan = await world.plan("1", "2", "3")
    both = tuple(world.id(i) for i in ("1", "2"))
    await world.command(ExcludeRecords(run_id=plan, records=both, excluded=True))
    await world.command(ExcludeRecords(run_id=plan, records=both[:1], excluded=False))

    await world.command(ApplyPlan(run_id=plan))
    await world.send()

    assert len(world.destination.people) == 2
    assert (await world.statuses())[world.id("2")] == ("needs_sync", "not_pushed")
    (run,) = await world.published("sync.completed")
    assert (run["total"], run["succeeded"], run["skipped"]) == (3, 2, {"taken_out": 1})
    amended = await world.published("plan.amended")
    assert [(len(a["records"]), a["excluded"]) for a in amended] == [(2, True), (1, False)]


async def test_the_first_sync_is_held_until_somebody_releases_some_of_it(world: World) -> None:
    """Approving a held plan does nothing; released in part, the rest is taken out."""
    await world.limits(2, FIRST)
    await known(world, "1", "2")
    plan = await world.plan("1", "2")

    assert await world.state_of(plan) == "held"
    (created,) = await world.published("plan.created")
    assert [(t["brake"], t["count"]) for t in created["tripped"]] == [("first_sync", 2)]
    await world.command(ApplyPlan(run_id=plan))
    await world.send()
    assert await writes(world) == 0

    await world.command(ReleasePlan(run_id=plan, records=(world.id("1"),)))
    await world.send()
    assert await writes(world) == 1
    assert await world.state_of(plan) == "done"
    assert await world.state_of(await world.plan("2", name="second")) == "draft"


async def test_a_sync_that_is_applied_at_once_is_held_as_well(world: World) -> None:
    """And what it waits for is counted when it comes: nobody has looked for them yet."""
    await world.limits(2, FIRST)
    await world.staged("1", "2")
    plan = await world.plan("1", "2", apply=True)
    assert await world.state_of(plan) == "held"

    await world.command(ReleasePlan(run_id=plan))
    assert set((await world.statuses()).values()) == {("syncing", "waiting")}
    await world.unmatched("1", "2")
    await world.send()
    assert len(world.destination.people) == 2
    assert await world.state_of(plan) == "done"


@pytest.mark.parametrize(
    ("limits", "brake"),
    [
        (LIMITS.model_copy(update={"changed": 3, "changed_percent": None}), "changed"),
        (LIMITS.model_copy(update={"changed": None}), "changed_share"),
        (LIMITS.model_copy(update={"changed": None, "changed_percent": None}), "pay_factor"),
    ],
)
async def test_each_limit_holds_a_plan(world: World, limits: SafetyLimits, brake: str) -> None:
    """All twelve get another name and more than twice the pay."""
    await everywhere(world, *PEOPLE)
    pay = {} if brake != "pay_factor" else {"bill_rate": "90"}
    if brake == "pay_factor":
        await world.staged(*PEOPLE, rev=4, bill_rate="40")
        await world.sync(*PEOPLE, name="pay")
        await world.send()
        for there in world.destination.people:
            await world.echo(there, rev=5)
    await world.limits(2, limits)
    await world.staged(*PEOPLE, rev=8, first_name="Anna", **pay)

    plan = await world.plan(*PEOPLE)
    assert await world.state_of(plan) == "held"
    created = (await world.published("plan.created"))[-1]
    assert [(t["brake"], t["count"], len(t["sample"])) for t in created["tripped"]] == [(brake, 12, 5)]

    await world.command(ExcludeRecords(run_id=plan, records=tuple(map(world.id, PEOPLE)), excluded=True))
    assert await world.state_of(plan) == "draft"


@pytest.mark.reason("brake")
async def test_what_rules_push_joins_one_plan_and_is_held_from_the_limit_on(world: World) -> None:
    """Nothing of it that is not on its way is written; after its release all of it is."""
    await everywhere(world, *PEOPLE)
    limits = NO_LIMITS.model_copy(update={"changed": 3})
    await world.limits(2, limits, auto_sync=True)
    for person in PEOPLE[:3]:
        await world.staged(person, rev=8, cause=Cause.HOOK, first_name="Anna")
    (plan,) = await world.rows("SELECT plan_id, state, kind, total FROM plans WHERE kind = 'rules'")
    assert (plan["state"], plan["total"]) == ("approved", 3)

    await world.staged(PEOPLE[3], rev=8, cause=Cause.HOOK, first_name="Anna")
    await world.staged(PEOPLE[4], rev=8, cause=Cause.HOOK, first_name="Anna")
    while await world.sender.decide_due():
        pass
    await world.send()

    assert await writes(world) == 0
    assert await world.state_of(plan["plan_id"]) == "held"
    statuses = await world.statuses()
    assert {statuses[world.id(p)] for p in PEOPLE[:5]} == {("held", "brake")}
    (held,) = await world.published("plan.held")
    assert [t["brake"] for t in held["tripped"]] == ["changed"]

    await world.command(ReleasePlan(run_id=plan["plan_id"], records=(world.id(PEOPLE[0]),)))
    await world.send()
    assert (await writes(world), await world.state_of(plan["plan_id"])) == (1, "held")
    await world.command(ReleasePlan(run_id=plan["plan_id"]))
    while await world.sender.decide_due():
        pass
    await world.send()
    assert (await writes(world), await world.state_of(plan["plan_id"])) == (5, "approved")
    assert {(await world.statuses())[world.id(p)] for p in PEOPLE[:5]} == {("synced", "")}

    await world.rows("UPDATE plans SET created_at = created_at - interval '1 hour' WHERE kind = 'rules'")
    while await world.sender.apply_plans():
        pass
    assert await world.state_of(plan["plan_id"]) == "done"
    last = (await world.published("sync.completed"))[-1]
    assert (last["run_id"], last["total"], last["succeeded"]) == (str(plan["plan_id"]), 5, 5)


async def test_a_cancelled_plan_writes_nothing_more_and_rules_do_not_push_it_again(world: World) -> None:
    await everywhere(world, *PEOPLE[:3])
    await world.limits(2, NO_LIMITS.model_copy(update={"changed": 0}), auto_sync=True)
    await world.staged(*PEOPLE[:3], rev=8, cause=Cause.HOOK, first_name="Anna")
    (plan,) = await world.rows("SELECT plan_id FROM plans WHERE kind = 'rules'")

    await world.command(CancelPlan(run_id=plan["plan_id"]))
    while await world.sender.decide_due():
        pass
    await world.send()

    assert await writes(world) == 0
    assert await world.state_of(plan["plan_id"]) == "cancelled"
    assert set((await world.statuses()).values()) == {("needs_sync", "changed")}
    (cancelled,) = await world.published("plan.cancelled")
    assert cancelled["records"] == 3


@pytest.mark.reason("skipped.cancelled")
async def test_a_plan_that_is_cancelled_in_the_middle_ends_its_run(world: World) -> None:
    """What has been sent stays, the rest is counted as cancelled."""
    await known(world, *PEOPLE)
    plan = await world.plan(*PEOPLE)
    await world.command(ApplyPlan(run_id=plan))

    await world.command(CancelPlan(run_id=plan))
    while await world.sender.decide_due():
        pass
    await world.send()

    (run,) = await world.published("sync.completed")
    assert (run["succeeded"], run["failed"], run["skipped"]) == (0, 0, {"cancelled": 12})
    assert await world.state_of(plan) == "cancelled"
    assert await writes(world) == 0


async def test_a_plan_expires_and_is_not_applied_then(world: World) -> None:
    await known(world, "1")
    plan = await world.plan("1")
    await world.rows("UPDATE plans SET expires_at = now() - interval '1 second'")
    await world.command(ApplyPlan(run_id=plan))
    await world.send()
    assert (await world.state_of(plan), await writes(world)) == ("expired", 0)
    assert await world.published("plan.expired") == [{"run_id": str(plan)}]


async def test_a_plan_of_more_than_one_command_is_made_and_applied_whole(world: World) -> None:
    people = [str(n) for n in range(1, 601)]
    await known(world, *people)
    plan = await world.plan(*people)
    (created,) = await world.published("plan.created")
    assert (created["total"], created["counts"]) == (600, {"create": 600})
    await world.command(ApplyPlan(run_id=plan))
    await world.send()
    (run,) = await world.published("sync.completed")
    assert (run["total"], run["succeeded"]) == (600, 600)
    assert len(world.destination.people) == 600


@pytest.mark.reason("conflict")
async def test_of_a_thousand_ten_move_and_the_others_are_written_verbatim(world: World) -> None:
    """Five are edited at the source, five at the destination without our knowledge: each is held with what moved."""
    people = [str(n) for n in range(1, 1001)]
    await known(world, *people)
    await world.sync(*people[:500], name="first")
    await world.sync(*people[500:], name="second")
    await world.send()
    world.destination.calls.clear()
    await world.staged(*people, rev=5, phone="(503) 555-0101", first_name=" Ana  María ")
    plan = await world.plan(*people)
    shown = await world.rows(f"SELECT record_id, fields FROM plan_records WHERE plan_id = '{plan}'")
    planned = {
        row["record_id"]: {n: c["after"] for n, c in orjson.loads(row["fields"]).items()} for row in shown
    }
    assert len(planned) == 1000

    at_source, at_destination = people[:5], people[5:10]
    await world.staged(*at_source, rev=6, phone="(503) 555-0102", first_name="Ana")
    by_name = {r.employee.last_name: i for i, r in world.destination.people.items()}
    for person in at_destination:
        old = world.destination.people[by_name[f"Li{person}"]]
        world.destination.people[old.remote_id] = old.model_copy(
            update={"employee": old.employee.overlaid(Employee(first_name="Anna")), "version": "9"}
        )
    await world.command(ApplyPlan(run_id=plan))
    await world.send()

    (run,) = (await world.published("sync.completed"))[-1:]
    assert (run["total"], run["succeeded"], run["failed"]) == (1000, 990, 10)
    statuses = await world.statuses()
    assert [statuses[world.id(p)] for p in at_source] == [("held", "moved")] * 5
    assert [statuses[world.id(p)] for p in at_destination] == [("held", "conflict")] * 5
    sent = {w["id"]: w["values"] for call in world.destination.calls for w in orjson.loads(call.body)}
    assert len(sent) == 990
    for person in people[10:]:
        assert sent[by_name[f"Li{person}"]] == planned[world.id(person)]
    assert planned[world.id("11")]["phone"] == "(503) 555-0101"


async def test_automatic_sync_waits_for_the_plan_that_a_person_approved(world: World) -> None:
    """Others are pushed at once; when the plan ends without the record, its newest version is."""
    await world.limits(2, NO_LIMITS, auto_sync=True)
    await everywhere(world, "1", "2")
    await world.staged("1", rev=5, middle_name="Kim")
    plan = await world.plan("1")
    await world.tell(world.handlers.on_commands, ApplyPlan(run_id=plan))

    await world.staged("1", "2", rev=8, cause=Cause.HOOK, middle_name="Lee")

    pushes = await world.rows("SELECT record_id FROM pushes WHERE state <> 'done'")
    assert [world.id("2")] == [row["record_id"] for row in pushes]
    await world.tell(world.handlers.on_commands, CancelPlan(run_id=plan))
    while await world.sender.decide_due():
        pass
    await world.send()
    assert {"Lee"} == {person.employee.middle_name for person in world.destination.people.values()}


@pytest.mark.parametrize("by_rules", [False, True])
async def test_a_plan_is_searched_as_the_list_is(world: World, *, by_rules: bool) -> None:
    """Without accents, with another apostrophe or none, and with doubled blanks."""
    await world.staged("1", first_name="Zoë", last_name="O’Keefe")
    await world.staged("2", first_name="Ana", last_name="Li")
    await world.unmatched("1", "2")
    plan = await world.plan("1", "2")
    kind = PlanKind.PERSON
    if by_rules:
        await world.command(ApplyPlan(run_id=plan))
        await world.send()
        kind = PlanKind.RULES
    for q, expected in (
        ("okeefe", ["1"]),
        ("zoe  o'keefe", ["1"]),
        ("LI", ["2"]),
        ("50%", []),
        (" ", ["1", "2"]),
    ):
        async with world.database.transaction([COMPANY]) as tx:
            found = await plans.find_plan(tx, COMPANY, plan)
            assert found is not None
            wanted = plan_reads.RecordFilter(text=pattern(q))
            rows = await plan_reads.plan_records(tx, COMPANY, found._replace(kind=kind), wanted, None, 10)
        assert sorted(row["remote_id"] for row in rows) == expected, q


async def test_a_plan_that_a_limit_stops_while_it_is_written_waits_for_a_person_as_long_as_it_takes(
    world: World,
) -> None:
    """It neither expires nor becomes a draft again; once it is released, its run ends."""
    await world.staged("1", "2")
    plan = await world.plan("1", "2", apply=True)
    assert await world.state_of(plan) == "applying"
    async with world.database.locked([COMPANY]) as tx:
        await plan_brakes.hold(tx, COMPANY, plan, [])
    await world.rows("UPDATE plans SET expires_at = now() - interval '1 hour' WHERE expires_at IS NOT NULL")

    await world.command(ExcludeRecords(run_id=plan, records=(world.id("1"),), excluded=True))
    await world.unmatched("1", "2")
    await world.send()
    assert (await writes(world), await world.state_of(plan)) == (0, "held")

    await world.command(ReleasePlan(run_id=plan))
    while await world.sender.decide_due():
        pass
    await world.send()
    assert (await writes(world), await world.state_of(plan)) == (2, "done")
    (run,) = await world.published("sync.completed")
    assert (run["run_id"], run["succeeded"]) == (str(plan), 2)
