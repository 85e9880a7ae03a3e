"""The standing of a record, what is planned for it, and what a claim finds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from services.syncer import core
from services.syncer.core import (
    Failure,
    Fields,
    Push,
    PushState,
    Recheck,
    RecordState,
    Snapshot,
    StoredSnapshot,
    SyncStatus,
    planning,
)
from shared.contracts.commands import Selected
from shared.contracts.events import Basis
from shared.domain.employee import Employee
from shared.domain.mapping import FieldMapping, Mode, desired
from shared.domain.plans import PlanAction, SafetyLimits
from shared.domain.settings import Account, CompanySettings, Route, Rules
from shared.domain.values import Action, Lane, Situation, Status
from shared.domain.versions import Reading
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable

COMPANY = UUID(int=1)
LINARC, QBO = UUID(int=2), UUID(int=3)
SOURCE, DESTINATION = UUID(int=4), UUID(int=5)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def settings(**rules: bool) -> CompanySettings:
    """A company whose source is Linarc."""
    return CompanySettings(
        company_id=COMPANY,
        version=3,
        name="Stonecourse",
        accounts=(
            Account(
                account_id=LINARC,
                system="linarc",
                environment="sandbox",
                tenant_id="t",
                base_url="http://l",
            ),
            Account(
                account_id=QBO,
                system="quickbooks",
                environment="sandbox",
                tenant_id="r",
                base_url="http://q",
            ),
        ),
        route=Route(source=LINARC, destination=QBO, rules=Rules(**rules)),
    )


def reading(
    version: str | None = None, seconds: float = 0, *, took: float = 0, written: bool = False
) -> Reading:
    """Requested `seconds` after noon, and answered `took` seconds later."""
    at = NOW + timedelta(seconds=seconds)
    return Reading(version, None, at, at + timedelta(seconds=took), written)


def snapshot(record: UUID, account: UUID, rev: int = 7, **values: object) -> Snapshot:
    """A present record with these values."""
    return Snapshot(record, account, "r1", rev, "present", Employee(**values), reading("1"))


def differing(one: RecordState, source: Employee, there: Employee) -> Fields:
    """The fields in which the destination is not as its route's mapping wants it."""
    mapping = one.mapping()
    assert mapping is not None
    return core.differing(one, desired(source, mapping), there, mapping)


def state(**more: object) -> RecordState:
    """A source record called Ana that mapper found nobody for, its directory read."""
    plain = RecordState(
        company_id=COMPANY,
        record_id=SOURCE,
        settings=settings(),
        source=snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", active=True),
        destination=None,
        situation=Situation.UNMATCHED,
        link_rev=1,
        link_source_rev=7,
        link_reason="",
        destination_record_id=None,
        destination_remote_id=None,
        created=False,
        created_before=False,
        unknown_call=None,
        status=Status.NEEDS_SYNC,
        reason="not_pushed",
        field=None,
        retry_at=None,
        status_rev=1,
        synced_at=None,
        sent=None,
        answered=None,
        failure=None,
        automatic_rev=None,
        push=None,
        directory_read=True,
    )
    return plain._replace(**more)


def linked(**more: object) -> RecordState:
    """The same record, linked to a destination record that holds the same name."""
    there = snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", active=True)
    plain = state(situation=Situation.LINKED, destination=there, destination_record_id=DESTINATION)
    return plain._replace(**more)


FAILURE = Failure("unavailable", None, 7, 1, 3)

STATUSES = {
    "nothing known of the company": (state(settings=None), SyncStatus(Status.NEEDS_SYNC, "checking")),
    "not answered by mapper": (state(situation=None), SyncStatus(Status.NEEDS_SYNC, "checking")),
    "answered for an older version": (state(link_source_rev=6), SyncStatus(Status.NEEDS_SYNC, "checking")),
    "a linked record goes on while checked": (
        linked(link_source_rev=6),
        SyncStatus(Status.NEEDS_SYNC, "never_pushed"),
    ),
    "excluded, whatever else is known": (
        state(situation=Situation.EXCLUDED, link_source_rev=6, created=True, failure=FAILURE),
        SyncStatus(Status.EXCLUDED, "excluded"),
    ),
    "nobody there": (state(), SyncStatus(Status.NEEDS_SYNC, "not_pushed")),
    "whom our own creation may have made is in dispute": (
        state(situation=Situation.DISPUTED, link_reason="similar_name", unknown_call=UUID(int=9)),
        SyncStatus(Status.NEEDS_SYNC, "not_pushed"),
    ),
    "in dispute": (
        state(situation=Situation.DISPUTED, link_reason="similar_name"),
        SyncStatus(Status.NEEDS_ACTION, "similar_name"),
    ),
    "the directory is not read": (
        state(directory_read=False),
        SyncStatus(Status.NEEDS_SYNC, "directory_being_read"),
    ),
    "created before, and unlinked since": (
        state(created_before=True),
        SyncStatus(Status.NEEDS_ACTION, "created_before"),
    ),
    "creation switched off": (
        state(settings=settings(create_missing=False)),
        SyncStatus(Status.NEEDS_ACTION, "creation_off"),
    ),
    "disputed": (
        state(situation=Situation.DISPUTED, link_reason="similar_name"),
        SyncStatus(Status.NEEDS_ACTION, "similar_name"),
    ),
    "one certain twin, to be confirmed": (
        state(situation=Situation.UNLINKED, link_reason="confirm_match"),
        SyncStatus(Status.NEEDS_ACTION, "confirm_match"),
    ),
    "one certain twin, directory being read": (
        state(situation=Situation.UNLINKED, link_reason="directory_being_read"),
        SyncStatus(Status.NEEDS_SYNC, "directory_being_read"),
    ),
    "no name": (
        state(source=snapshot(SOURCE, LINARC, first_name=None, active=True)),
        SyncStatus(Status.NEEDS_ACTION, "missing_name", "last_name"),
    ),
    "a colon in the name": (
        state(source=snapshot(SOURCE, LINARC, first_name="A:na", active=True)),
        SyncStatus(Status.NEEDS_ACTION, "invalid_name", "first_name"),
    ),
    "not active": (
        state(source=snapshot(SOURCE, LINARC, first_name="Ana", active=False)),
        SyncStatus(Status.NEEDS_ACTION, "inactive_at_source", "active"),
    ),
    "ended at the source, active at the destination": (
        linked(
            source=snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", active=False), synced_at=NOW
        ),
        SyncStatus(Status.NEEDS_SYNC, "active_at_destination", "active"),
    ),
    "ended at both": (
        linked(
            source=snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", active=False),
            destination=snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", active=False),
            synced_at=NOW,
        ),
        SyncStatus(Status.SYNCED),
    ),
    "inactive at the destination only": (
        linked(
            destination=snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", active=False),
            synced_at=NOW,
        ),
        SyncStatus(Status.NEEDS_SYNC, "inactive_at_destination", "active"),
    ),
    "equal, never pushed": (linked(), SyncStatus(Status.NEEDS_SYNC, "never_pushed")),
    "equal, pushed": (linked(synced_at=NOW), SyncStatus(Status.SYNCED)),
    "gone at the destination": (
        linked(destination=snapshot(DESTINATION, QBO)._replace(state="removed")),
        SyncStatus(Status.NEEDS_ACTION, "deleted_at_destination"),
    ),
    "gone at the source": (
        linked(source=snapshot(SOURCE, LINARC)._replace(state="removed")),
        SyncStatus(Status.NEEDS_ACTION, "deleted_at_source"),
    ),
    "unreadable": (
        state(source=snapshot(SOURCE, LINARC)._replace(state="unreadable", reason="unreadable")),
        SyncStatus(Status.NEEDS_ACTION, "unreadable"),
    ),
    "failed, and nothing moved since": (state(failure=FAILURE), SyncStatus(Status.FAILED, "unavailable")),
    "failed before a newer version": (
        state(failure=replace(FAILURE, source_rev=6)),
        SyncStatus(Status.NEEDS_SYNC, "not_pushed"),
    ),
    "refused for its content": (
        state(failure=replace(FAILURE, reason="duplicate_name", field="display_name")),
        SyncStatus(Status.NEEDS_ACTION, "duplicate_name", "display_name"),
    ),
    "held": (state(failure=replace(FAILURE, reason="conflict")), SyncStatus(Status.HELD, "conflict")),
    "created by us, links not heard": (
        linked(synced_at=NOW)._replace(situation=Situation.UNMATCHED, created=True),
        SyncStatus(Status.SYNCED),
    ),
}


@pytest.mark.reason(
    "checking",
    "directory_being_read",
    "created_before",
    "creation_off",
    "active_at_destination",
    "inactive_at_destination",
    "inactive_at_source",
    "deleted_at_source",
    "deleted_at_destination",
    "never_pushed",
    "not_pushed",
    "unreadable",
    "excluded",
    "missing_name",
    "invalid_name",
    "confirm_match",
)
@pytest.mark.parametrize(("given", "expected"), STATUSES.values(), ids=STATUSES)
def test_status(given: RecordState, expected: SyncStatus) -> None:
    """The first rule that applies gives the status and its reason."""
    assert expected == core.sync_status(given, given.push)


@pytest.mark.reason("writing", "brake", "differs")
def test_a_push_on_its_way_a_push_that_is_held_and_a_linked_record_that_differs() -> None:
    """In the order of a push's life, from its end."""
    asked = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.SENDING)
    held = asked._replace(state=PushState.HELD)
    other = linked(destination=snapshot(DESTINATION, QBO, first_name="Anna", last_name="Li", active=True))

    assert SyncStatus(Status.SYNCING, "writing") == core.sync_status(state(), asked)
    assert SyncStatus(Status.HELD, "brake") == core.sync_status(state(), held)
    assert SyncStatus(Status.NEEDS_SYNC, "differs") == core.sync_status(other, None)


def test_absent_and_masked_values_are_never_written() -> None:
    """Only what the source says, and only what it lets us see."""
    source = Employee(first_name="Ana", email="a@b.example", phone=None, masked=("email",))
    there = Employee(first_name="Ana", last_name="Li", email="x@y.example", phone="+15035550142")

    assert differing(linked(), source, there) == {}


def test_an_empty_value_clears_only_what_came_from_the_source() -> None:
    """A phone number that we wrote goes when the source clears it; one that was there before stays."""
    source = Employee(first_name="Ana", phone=None)
    there = Employee(first_name="Ana", phone="+15035550142")
    ours = linked(sent=there, answered=there)

    assert {} == differing(linked(), source, there)
    assert {"phone": {"before": "+15035550142", "after": None}} == differing(ours, source, there)


def test_what_the_destination_answered_is_not_drift() -> None:
    """A value that the destination writes its own way counts as the one we sent."""
    sent, answered = Employee(suffix="Jr"), Employee(suffix="Jr.")

    assert {} == differing(linked(sent=sent, answered=answered), sent, answered)
    assert {"suffix"} == set(differing(linked(), sent, answered))


@pytest.mark.reason("queued")
def test_a_push_of_an_unmatched_record_is_planned_as_a_creation() -> None:
    """Every known value that the destination carries is in the plan."""
    asked = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING)

    decision = core.decide(state(), asked, lane=Lane.REAL_TIME)

    assert decision.planned
    assert decision.push is not None
    assert ("planned", "create") == (decision.push.state, decision.push.action)
    assert {
        "first_name": {"before": None, "after": "Ana"},
        "last_name": {"before": None, "after": "Li"},
    } == dict(decision.push.fields)
    assert SyncStatus(Status.SYNCING, "queued") == decision.sync_status


@pytest.mark.reason("waiting")
def test_a_push_waits_for_the_directory() -> None:
    """Asked before the directory is read: an intent; planned when it has been read."""
    asked = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING)

    early = core.decide(state(directory_read=False), asked, lane=Lane.REAL_TIME)
    later = core.decide(state(push=early.push), lane=Lane.REAL_TIME)

    assert early.push is not None
    assert ("waiting", False) == (early.push.state, early.planned)
    assert SyncStatus(Status.SYNCING, "waiting") == early.sync_status
    assert later.planned


def test_a_push_that_waits_is_cancelled_when_its_account_is_disconnected() -> None:
    """It ends at once, its run too; the record waits for the directory to be read again."""
    there = settings().accounts[1].model_copy(update={"connected": False})
    closed = settings().model_copy(update={"accounts": (settings().accounts[0], there)})
    waiting = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING)

    decision = core.decide(state(settings=closed, directory_read=False, push=waiting), lane=Lane.REAL_TIME)

    assert decision.ended is not None
    assert decision.ended.outcome == "cancelled"
    assert decision.sync_status == SyncStatus(Status.NEEDS_SYNC, "directory_being_read")


def test_a_waiting_push_of_a_disputed_record_ends() -> None:
    """It ends as Needs Action; nothing is guessed."""
    waiting = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING)

    decision = core.decide(
        state(push=waiting, situation=Situation.DISPUTED, link_reason="similar_name"), lane=Lane.REAL_TIME
    )

    assert decision.ended is not None
    assert "needs_action" == decision.ended.outcome
    assert SyncStatus(Status.NEEDS_ACTION, "similar_name") == decision.sync_status


def test_someone_inactive_at_the_destination_only_is_made_active_again_with_the_rest() -> None:
    """Whatever the destination answered to an earlier try."""
    away = snapshot(DESTINATION, QBO, first_name="Ana", last_name="Ly", active=False)
    tried = {"sent": Employee(active=True), "answered": Employee(active=False)}

    made = core.plan(linked(destination=away, **tried))

    assert made is not None
    assert {"before": False, "after": True} == made.fields["active"]
    assert {"active", "last_name"} == made.fields.keys()


def test_linarc_makes_someone_active_again_in_a_push_of_its_own() -> None:
    """Its reactivation takes no other field; the record needs a second push for them."""
    route = Route(source=QBO, destination=LINARC, rules=Rules())
    away = snapshot(DESTINATION, LINARC, first_name="Ana", last_name="Ly", active=False)
    here = snapshot(SOURCE, QBO, first_name="Ana", last_name="Li", active=True)

    made = core.plan(
        linked(source=here, destination=away, settings=settings().model_copy(update={"route": route}))
    )

    assert made is not None
    assert {"active"} == made.fields.keys()


def test_someone_who_ended_at_the_source_is_deactivated_with_the_end_date_and_nothing_else() -> None:
    source = snapshot(SOURCE, LINARC, first_name="Ana", last_name="Ly", end_date="2026-11-20", active=False)
    made = core.plan(linked(source=source))

    assert made is not None
    assert "deactivate" == made.action
    assert {
        "active": {"before": True, "after": False},
        "end_date": {"before": None, "after": "2026-11-20"},
    } == made.fields


def test_someone_who_comes_back_loses_the_old_end_date() -> None:
    away = snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", end_date="2023-01-31", active=False)
    here = snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", end_date=None, active=True)

    made = core.plan(linked(source=here, destination=away))

    assert made is not None
    assert "reactivate" == made.action
    assert {"before": "2023-01-31", "after": None} == made.fields["end_date"]


@pytest.mark.parametrize(("here", "there"), [(True, False), (False, True)])
def test_nobody_becomes_active_or_inactive_by_a_rule(here: bool, there: bool) -> None:
    """It is proposed, and a person's push does it; one that the rules had begun for other fields ends."""
    name = {"first_name": "Ana", "last_name": "Ly"}
    apart = linked(
        settings=settings(auto_sync=True),
        source=snapshot(SOURCE, LINARC, 8, **name, active=here),
        destination=snapshot(DESTINATION, QBO, **name, active=there),
        automatic_rev=8,
        link_source_rev=8,
    )

    decided = core.decide(apart, lane="real_time")
    assert decided.push is None
    assert Status.NEEDS_SYNC is decided.sync_status.status
    waiting = Push(uuid5(COMPANY, "y"), SOURCE, QBO, PushState.WAITING, automatic=True)
    ended = core.decide(apart._replace(push=waiting), lane="real_time").ended
    assert ended is not None
    begun = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.CLAIMED, Action.UPDATE, basis=linked().basis())
    assert core.recheck(apart, begun._replace(automatic=True)).ended
    assert core.recheck(apart, begun).held, "a person approved something else"
    assert core.decide(apart, Push(uuid5(COMPANY, "z"), SOURCE, QBO, PushState.WAITING), lane="bulk").planned


def test_a_push_that_waits_for_an_answer_mapper_cannot_give_ends() -> None:
    """The message about the record's new version was dead-lettered: nothing else would ever end the push."""
    waiting = Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING)
    failure = Failure("internal", None, 7, 1, 3)

    decision = core.decide(state(push=waiting, link_source_rev=6, failure=failure), lane=Lane.REAL_TIME)

    assert decision.ended is not None
    assert SyncStatus(Status.FAILED, "internal") == decision.sync_status


@pytest.mark.behaviour("S40")
def test_automatic_sync_pushes_what_a_hook_staged() -> None:
    """And only with the switch on, and only that version (S40)."""
    on = settings(auto_sync=True)

    assert core.decide(state(settings=on, automatic_rev=7), lane=Lane.REAL_TIME).planned
    assert not core.decide(state(settings=on, automatic_rev=6), lane=Lane.REAL_TIME).planned
    assert not core.decide(state(automatic_rev=7), lane=Lane.REAL_TIME).planned


SKIPS = {
    "ready": (state(), Status.NEEDS_SYNC, 7, None),
    "failed": (state(status=Status.FAILED, failure=FAILURE), Status.FAILED, 7, None),
    "moved since": (state(), Status.NEEDS_SYNC, 6, "moved"),
    "another status since": (state(status=Status.SYNCED), Status.NEEDS_SYNC, 7, "moved"),
    "on its way": (
        state(push=Push(SOURCE, SOURCE, QBO, PushState.PLANNED)),
        Status.NEEDS_SYNC,
        7,
        "already_running",
    ),
    "synced": (state(status=Status.SYNCED), Status.SYNCED, 7, "synced"),
    "needs a person": (state(status=Status.NEEDS_ACTION), Status.NEEDS_ACTION, 7, "needs_action"),
    "held": (state(status=Status.HELD), Status.HELD, 7, "held"),
    "excluded": (state(status=Status.EXCLUDED), Status.EXCLUDED, 7, "excluded"),
    "unknown": (None, Status.NEEDS_SYNC, 7, "unknown"),
}


@pytest.mark.reason(
    "skipped.moved",
    "skipped.already_running",
    "skipped.synced",
    "skipped.needs_action",
    "skipped.held",
    "skipped.unknown",
    "skipped.excluded",
)
@pytest.mark.parametrize(("given", "status", "rev", "expected"), SKIPS.values(), ids=SKIPS)
def test_what_is_skipped(given: RecordState | None, status: Status, rev: int, expected: str | None) -> None:
    """A selected record is pushed, or counted with why not."""
    assert expected == core.skipped(
        given, Selected(record_id=SOURCE, source_rev=rev, status=status), single=False
    )


@pytest.mark.reason("skipped.disconnected")
def test_a_record_of_a_disconnected_destination_is_blocked_in_a_plan_and_skipped_when_it_is_applied() -> None:
    chosen = Selected(record_id=SOURCE, source_rev=7, status=Status.NEEDS_SYNC)

    made = planning.planned(state(), chosen, None, SafetyLimits(), single=False)

    assert (PlanAction.BLOCKED, "disconnected") == (made.action, made.reason)
    assert "disconnected" == planning.apply(state(), made, None).skipped


def planned(given: RecordState, **more: object) -> Push:
    """The item that a push of this case becomes."""
    push = core.decide(
        given, Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING), lane=Lane.REAL_TIME
    ).push
    assert push is not None
    return push._replace(**more)


def test_a_claim_refreshes_the_basis_when_other_things_moved() -> None:
    """The plan is the same, so it goes on."""
    push = planned(state())
    newer = state(
        source=snapshot(SOURCE, LINARC, rev=9, first_name="Ana", last_name="Li", active=True, title="Foreman")
    )

    found = core.recheck(newer, push)

    assert not (found.held or found.ended or found.replanned)
    assert found.push.basis is not None
    assert 9 == found.push.basis.source_rev


def test_a_claim_keeps_the_plan_while_its_basis_stands() -> None:
    """Unless it was tried before: then the destination may have been read afresh, which moves no rev."""
    before = linked(destination=snapshot(DESTINATION, QBO, first_name="Anna", last_name="Li", active=True))
    push = planned(before, automatic=True)
    read = before._replace(
        destination=snapshot(DESTINATION, QBO, first_name="Ana", last_name="Lee", active=True)
    )

    assert core.recheck(before, push).push is push
    assert core.recheck(state(created_before=True), planned(state())).ended, "it was created meanwhile"
    assert core.recheck(read, push._replace(attempts=1)).replanned


def test_a_claim_holds_when_a_planned_field_moved() -> None:
    """A person approved another value; an automatic push is planned again."""
    before = linked(destination=snapshot(DESTINATION, QBO, first_name="Anna", last_name="Li", active=True))
    push = planned(before)
    moved = before._replace(
        source=snapshot(SOURCE, LINARC, rev=9, first_name="Anne", last_name="Li", active=True)
    )

    assert core.recheck(moved, push).held
    assert core.recheck(moved, push._replace(automatic=True)).replanned


def test_a_creation_that_became_a_link_is_planned_as_an_update() -> None:
    """A person linked it meanwhile, or an earlier call made it after all: nothing is created."""
    push = planned(state())
    edited = linked()._replace(
        source=snapshot(SOURCE, LINARC, first_name="Anne", last_name="Li", active=True)
    )

    found = core.recheck(edited, push)

    assert found.replanned
    assert ("update", {"first_name"}) == (found.push.action, set(found.push.fields))


def test_a_fresh_read_decides_last() -> None:
    """What is there already is not written; what somebody else changed stops the push."""
    push = Push(
        SOURCE,
        SOURCE,
        QBO,
        "claimed",
        "update",
        {"first_name": {"before": "Anna", "after": "Ana"}, "last_name": {"before": "Lee", "after": "Li"}},
    )

    assert ({"last_name": "Li"}, None) == core.remaining_changes(
        push, Employee(first_name="Ana", last_name="Lee"), {}
    )
    assert ({}, "first_name") == core.remaining_changes(push, Employee(first_name="Bob", last_name="Lee"), {})


def test_our_own_answer_is_not_replaced_by_an_older_read() -> None:
    """A page that was read before our write never undoes it, whatever its rev."""
    ours = StoredSnapshot(5, "present", "{}", reading("2", written=True))
    read = snapshot(DESTINATION, QBO, rev=6)

    assert not core.replaces(ours, read._replace(reading=reading("1", 60)))
    assert core.replaces(ours, read._replace(reading=reading("3")))
    assert not core.replaces(ours, read._replace(reading=reading("3"), rev=5))
    without = ours._replace(reading=reading(took=1, written=True))
    assert not core.replaces(without, read._replace(reading=reading(seconds=-1)))
    assert core.replaces(without, read._replace(reading=reading(seconds=1)))


@pytest.mark.parametrize("version", [None, "tag"])
def test_a_page_that_overlaps_our_write_does_not_undo_it(version: str | None) -> None:
    """The page was requested before the write was answered, so it may show the record as it was; in either order."""
    page = snapshot(DESTINATION, QBO, rev=6)._replace(reading=reading(version, took=3))
    ours = page._replace(rev=5, reading=reading("written" if version else None, 1, took=1, written=True))

    assert not core.replaces(core.stored(ours), page)
    assert core.newest(page, ours) == ours._replace(rev=6)
    later = page._replace(reading=reading(version, 2, took=3))
    assert core.replaces(core.stored(ours), later)
    assert core.newest(later, ours) == later


def test_what_comes_back_of_our_own_writes_is_no_news() -> None:
    """The same values of a record that is there; a removed record that is back is news."""
    ours = StoredSnapshot(5, "present", '{"first_name":"Ana"}', reading("2"))

    assert core.same(ours, ours._replace(rev=6, reading=reading("3")))
    assert not core.same(ours, ours._replace(employee='{"first_name":"Anne"}'))
    assert not core.same(ours._replace(state="removed"), ours)
    assert not core.same(None, ours)


def test_what_was_sent_is_the_plan_when_the_source_moved_on() -> None:
    """A newer edit at the source was not sent, so it is not remembered as sent."""
    push = planned(state())
    moved = state(source=snapshot(SOURCE, LINARC, rev=9, first_name="Anne", last_name="Li", active=True))

    there = Employee(first_name="Ana", last_name="Li", active=True)

    assert "Ana" == core.exchanged(state(), push, there, same=False)[0].first_name
    assert "Ana" == core.exchanged(moved, push, there, same=False)[0].first_name


def test_what_another_wrote_is_no_answer_to_us() -> None:
    """Only a planned field is remembered as its system changed it; so anyone else who edits a record makes it differ."""
    push = planned(state())._replace(fields={"last_name": {"before": None, "after": "Li"}})
    there = Employee(first_name="Anna", last_name="LI", active=True)

    sent, answered = core.exchanged(state(), push, there, same=False)
    assert {"last_name", "active"} == sent.model_fields_set == answered.model_fields_set
    assert ("Li", "LI") == (sent.last_name, answered.last_name)

    found, _ = core.exchanged(state(), push, there, same=False, looked_up=True)
    assert {"active"} == found.model_fields_set


def test_a_late_answer_does_not_replace_what_was_reported_meanwhile() -> None:
    """By version, then by time; and who is gone stays gone."""
    known = snapshot(DESTINATION, QBO, rev=5, first_name="Anna")._replace(reading=reading("10"))
    answer = known._replace(rev=0, reading=reading("9"))

    assert core.newest(known, answer) == known
    assert core.newest(known, answer._replace(reading=reading("11"))) == known._replace(reading=reading("11"))
    assert (
        core.newest(known._replace(state="removed"), answer._replace(reading=reading("11"))).state
        == "removed"
    )
    assert core.newest(None, answer) == answer


def test_a_failure_stands_only_for_its_versions() -> None:
    """A newer source, link or rule makes it worth another try."""
    basis = Basis(source_rev=7, link_rev=1, settings_version=3, destination_account_id=QBO)

    assert FAILURE.stands(basis)
    assert not FAILURE.stands(basis.model_copy(update={"settings_version": 4}))


@pytest.mark.parametrize(
    ("error", "first", "repeated"),
    [
        (Unavailable("time-out", outcome_unknown=True), True, True),
        (Unavailable("nothing listens"), False, True),
        (RateLimited("429", retry_after=60), False, True),
        (RateLimited("our own limit", retry_after=1, ours=True), False, True),
        (Unauthorized("quickbooks"), False, True),
        (Rejected("duplicate_name"), False, False),
        (Conflict(), False, False),
    ],
)
def test_what_keeps_a_repetition_from_being_sent_says_nothing_about_the_sending_before_it(
    error: MusterError, first: bool, repeated: bool
) -> None:
    assert core.leaves_unknown(error, again=False) is first
    assert core.leaves_unknown(error, again=True) is repeated


@pytest.mark.parametrize(
    ("reason", "isolated"), [("outcome_unknown", True), ("unavailable", False), (None, False)]
)
def test_a_push_after_an_unknown_outcome_goes_isolated(reason: str | None, *, isolated: bool) -> None:
    """So that what broke its batch does not break it again."""
    failure = replace(FAILURE, reason=reason) if reason else None
    push = Push(UUID(int=9), SOURCE, QBO, PushState.WAITING)

    assert core.isolated(state(failure=failure), push).isolated is isolated


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"number": "N-1"}, True),
        ({"email": "a@b.c"}, True),
        ({"first_name": "Ana"}, False),
        ({"number": ""}, False),
    ],
)
def test_only_a_number_or_an_address_proves_a_creation(written: dict[str, str], *, found: bool) -> None:
    """Equal names alone prove nothing."""
    fields = {name: {"before": None, "after": value} for name, value in written.items()}

    assert (
        core.can_be_found(Push(UUID(int=9), SOURCE, QBO, PushState.SENDING, Action.CREATE, fields)) is found
    )


def test_what_the_destination_cannot_hold_and_does_not_need_is_left_out_of_plans() -> None:
    """A creation goes without it, and a linked record is equal without it."""
    values: dict[str, object] = {
        "first_name": "Ana",
        "last_name": "Li",
        "active": True,
        "gender": "Non-binary",
    }
    new = state(source=snapshot(SOURCE, LINARC, **values))
    made = core.plan(new)

    assert SyncStatus(Status.NEEDS_SYNC, "not_pushed") == core.sync_status(new, None)
    assert made is not None
    assert {"first_name", "last_name"} == set(made.fields)
    linked = state(
        source=snapshot(SOURCE, LINARC, **values),
        destination=snapshot(DESTINATION, QBO, **values | {"gender": "Male"}),
        situation=Situation.LINKED,
        destination_record_id=DESTINATION,
        synced_at=NOW,
    )
    assert SyncStatus(Status.SYNCED) == core.sync_status(linked, None)


def test_nobody_is_created_under_half_a_name_but_a_linked_one_goes_on() -> None:
    """The first name was there, and could not be read."""
    values: dict[str, object] = {"last_name": "Li", "active": True, "masked": ("first_name",)}
    source = snapshot(SOURCE, LINARC, **values)
    there = snapshot(DESTINATION, QBO, first_name="Ana", last_name="Lee", active=True)
    linked = state(
        source=source, destination=there, situation=Situation.LINKED, destination_record_id=DESTINATION
    )

    assert SyncStatus(Status.NEEDS_ACTION, "unread_value", "first_name") == core.sync_status(
        state(source=source), None
    )
    made = core.plan(linked)
    assert made is not None
    assert {"last_name"} == set(made.fields)


TYPED: dict[str, object] = {
    "first_name": "Ana", "last_name": "Li", "active": True, "phone": "(415) 555-0132 x4567", "email": "Ana@X.org",
    "mobile": "555-0132", "cost_rate": "28.85",
}  # fmt: skip
FORMED: dict[str, object] = TYPED | {
    "phone": "+14155550132;ext=4567", "email": "ana@x.org", "mobile": "5550132", "cost_rate": "28.8461",
}  # fmt: skip


def test_a_plan_writes_what_was_typed() -> None:
    """Twenty characters fit QuickBooks; the form would have twenty-one."""
    made = core.plan(state(source=snapshot(SOURCE, LINARC, **TYPED)))

    assert made is not None
    written = {name: change["after"] for name, change in made.fields.items()}
    for name in ("phone", "email", "mobile"):
        assert TYPED[name] == written[name]


@pytest.mark.parametrize(("here", "there"), [(TYPED, FORMED), (FORMED, TYPED)], ids=["typed", "formed"])
def test_a_difference_of_text_alone_is_no_change(here: dict[str, object], there: dict[str, object]) -> None:
    """Neither for the status, nor for what is still to be written, nor for the plan, nor as an answer to ours."""
    source, destination = snapshot(SOURCE, LINARC, **here), snapshot(DESTINATION, QBO, **there)
    pair = state(
        source=source,
        destination=destination,
        situation=Situation.LINKED,
        destination_record_id=DESTINATION,
        synced_at=NOW,
    )
    assert {} == differing(pair, source.employee, destination.employee)
    assert SyncStatus(Status.SYNCED) == core.sync_status(pair, None)

    made = core.plan(state(source=snapshot(SOURCE, LINARC, **here)))
    assert made is not None
    push = Push(UUID(int=9), SOURCE, QBO, PushState.PLANNED, Action.UPDATE, made.fields)
    wanted, moved = core.remaining_changes(push, Employee(**{**there, "cost_rate": here["cost_rate"]}), {})
    assert ({}, None) == (wanted, moved)


def test_another_value_is_still_a_change() -> None:
    """The negative control."""
    source, destination = (
        snapshot(SOURCE, LINARC, **TYPED),
        snapshot(DESTINATION, QBO, **TYPED | {"mobile": "555-0133"}),
    )
    pair = state(
        source=source, destination=destination, situation=Situation.LINKED, destination_record_id=DESTINATION
    )

    assert {"mobile"} == set(differing(pair, source.employee, destination.employee))


def mapped(*entries: FieldMapping, **more: object) -> RecordState:
    """A record whose route has these entries of its own."""
    document = settings()
    assert document.route is not None
    rules = document.route.rules.model_copy(update={"mapping": entries})
    route = document.route.model_copy(update={"rules": rules})
    return state(settings=document.model_copy(update={"route": route}), **more)


MODES = {
    "always": (Mode.ALWAYS, "Lee", True, True),
    "on create": (Mode.ON_CREATE, "Lee", True, False),
    "only if empty, which it is not": (Mode.ONLY_IF_EMPTY, "Lee", True, False),
    "only if empty, which it is": (Mode.ONLY_IF_EMPTY, None, True, True),
    "never": (Mode.NEVER, "Lee", False, False),
}


@pytest.mark.parametrize(("mode", "there", "created", "updated"), MODES.values(), ids=MODES)
def test_the_mode_says_when_a_field_is_written(
    mode: Mode, there: str | None, created: bool, updated: bool
) -> None:
    """At a creation, at an update; the record is Needs Sync only for what an update writes."""
    entry = FieldMapping(destination="suffix", template="{last_name} {first_name}", mode=mode)
    if mode is Mode.NEVER:
        entry = FieldMapping(destination="suffix", mode=mode)
    made = core.plan(mapped(entry))
    assert made is not None
    assert created == ("suffix" in made.fields)
    assert not created or {"before": None, "after": "Li Ana"} == made.fields["suffix"]

    destination = snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", suffix=there, active=True)
    pair = mapped(
        entry,
        situation=Situation.LINKED,
        destination=destination,
        destination_record_id=DESTINATION,
        destination_remote_id="r1",
        synced_at=NOW,
    )
    change = core.plan(pair)
    assert change is not None
    assert ({"suffix"} if updated else set()) == change.fields.keys()
    assert (Status.NEEDS_SYNC if updated else Status.SYNCED) is core.sync_status(pair, None).status


@pytest.mark.parametrize("may_clear", [True, False])
def test_an_empty_value_clears_what_came_from_the_source_if_it_may(may_clear: bool) -> None:
    entry = FieldMapping(destination="suffix", source="title", may_clear=may_clear)
    pair = mapped(
        entry,
        source=snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", title=None, active=True),
        situation=Situation.LINKED,
        destination=snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", suffix="Jr", active=True),
        sent=Employee(suffix="Jr"),
        answered=Employee(suffix="Jr"),
    )
    made = core.plan(pair)

    assert made is not None
    assert ({"suffix": {"before": "Jr", "after": None}} if may_clear else {}) == made.fields


def test_what_was_sent_is_kept_in_the_destinations_terms() -> None:
    """A value that the destination answers in a form of its own is no drift, and not what was to be there either."""
    entry = FieldMapping(destination="suffix", source="title")
    source = snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", title="Welder", active=True)
    begun = mapped(entry, source=source)
    made = core.plan(begun)
    basis = begun.basis()
    assert made is not None
    push = Push(UUID(int=9), SOURCE, QBO, PushState.CLAIMED, made.action, made.fields, basis)
    there = Employee(first_name="Ana", last_name="Li", suffix="WELDER", active=True)

    sent, answered = core.exchanged(begun, push, there, same=False)
    assert ("Welder", "WELDER") == (sent.suffix, answered.suffix)
    pair = begun._replace(
        situation=Situation.LINKED,
        destination=snapshot(DESTINATION, QBO, **there.model_dump(exclude_unset=True)),
        sent=sent,
        answered=answered,
        synced_at=NOW,
    )
    assert SyncStatus(Status.NEEDS_ACTION, "not_taken", "suffix") == core.sync_status(pair, None)
    made = core.plan(pair)
    assert made is not None
    assert {} == made.fields


def answered(flipped: bool, given: str | None, held: str | None, rate: str | None) -> RecordState:
    """Linked; a bill rate of 80 was sent and answered with `given`, and now the sides hold `rate` and `held`."""
    here, there = (QBO, LINARC) if flipped else (LINARC, QBO)
    route = Route(source=here, destination=there, rules=Rules())
    name = {"first_name": "Ana", "last_name": "Li", "active": True}
    return linked(
        settings=settings().model_copy(update={"route": route}),
        source=snapshot(SOURCE, here, **name, bill_rate=rate),
        destination=snapshot(DESTINATION, there, **name, bill_rate=held),
        sent=Employee(bill_rate="80"),
        answered=Employee(bill_rate=given),
        synced_at=NOW,
    )


@pytest.mark.reason("not_taken")
@pytest.mark.parametrize("flipped", [False, True], ids=["to quickbooks", "to linarc"])
@pytest.mark.parametrize(
    ("given", "held", "rate", "status", "fields"),
    [
        ("80.00", "80.00", "80", "synced", set()),
        (None, None, "80", "not_taken", set()),
        ("79", "79", "80", "not_taken", set()),
        (None, None, "81", "changed", {"bill_rate"}),
        (None, "75", "80", "changed_at_destination", {"bill_rate"}),
        (None, "80", "80", "synced", set()),
    ],
    ids=[
        "equal",
        "absent",
        "different",
        "moved at the source",
        "moved at the destination",
        "corrected there",
    ],
)
def test_a_write_is_judged_by_its_answer(
    flipped: bool, given: str | None, held: str | None, rate: str | None, status: str, fields: set[str]
) -> None:
    """What was not taken needs a person, and is not sent again until that field moves on either side."""
    after = answered(flipped, given, held, rate)
    made = core.plan(after)

    shown = core.sync_status(after, None)
    assert status == (shown.reason or shown.status)
    assert ("bill_rate" if status in {"not_taken", "changed_at_destination"} else None) == shown.field
    assert made is not None
    assert fields == made.fields.keys()


def test_amounts_are_compared_at_the_destinations_scale_before_a_write() -> None:
    push = Push(
        UUID(int=9),
        SOURCE,
        QBO,
        PushState.CLAIMED,
        Action.UPDATE,
        {"cost_rate": {"before": "1", "after": "31.505"}},
    )

    assert ({}, None) == core.remaining_changes(push, Employee(cost_rate="31.51"), {"cost_rate": 2})
    assert ({}, "cost_rate") == core.remaining_changes(push, Employee(cost_rate="31.51"), {})


def test_an_excluded_record_is_never_planned_and_a_push_that_waits_for_it_ends() -> None:
    excluded = linked(situation=Situation.EXCLUDED, status=Status.EXCLUDED, reason="excluded")
    assert core.plan(excluded) is None
    wanted = Selected(SOURCE, 7, Status.EXCLUDED)
    assert core.skipped(excluded, wanted, single=True) == "excluded"
    push = Push(UUID(int=9), SOURCE, QBO, PushState.WAITING)
    decision = core.decide(excluded._replace(push=push), lane="bulk")
    assert (decision.sync_status.status, decision.push) == (Status.EXCLUDED, None)
    assert decision.ended is not None and decision.ended.outcome == "needs_action"
    planned = push._replace(state=PushState.PLANNED, action=Action.UPDATE, basis=linked().basis())
    moved = excluded._replace(push=planned, link_rev=2)
    assert core.sync_status(moved, planned).status is Status.SYNCING
    assert core.recheck(moved, planned).ended


def test_a_creation_ends_when_somebody_similar_came_unless_its_own_outcome_is_unknown() -> None:
    before = state()
    made = core.plan(before)
    assert made is not None
    push = Push(UUID(int=8), SOURCE, QBO, PushState.PLANNED, made.action, made.fields, before.basis())
    disputed = state(situation=Situation.DISPUTED, link_reason="similar_name")

    assert core.recheck(disputed, push).ended
    assert core.recheck(disputed._replace(unknown_call=UUID(int=9)), push) == Recheck(push)
