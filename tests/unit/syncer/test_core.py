"""The standing of a record, what is planned for it, and what a claim finds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from services.syncer import core
from services.syncer.core import Case, Fact, Failure, Item, Standing, Stored
from shared.contracts.commands import Selected
from shared.contracts.events import Basis
from shared.contracts.records import (
    Account,
    CompanySettings,
    Employee,
    Route,
    Rules,
    Situation,
    Status,
    System,
)
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
                system=System.LINARC,
                environment="sandbox",
                tenant_id="t",
                base_url="http://l",
            ),
            Account(
                account_id=QBO,
                system=System.QUICKBOOKS,
                environment="sandbox",
                tenant_id="r",
                base_url="http://q",
            ),
        ),
        route=Route(source=LINARC, destination=QBO, rules=Rules(**rules)),
    )


def fact(record: UUID, account: UUID, rev: int = 7, **values: object) -> Fact:
    """A present record with these values."""
    return Fact(record, account, "r1", rev, "present", Employee(**values), "1", NOW)


def case(**more: object) -> Case:
    """A source record called Ana that mapper found nobody for, its directory read."""
    plain = Case(
        company_id=COMPANY,
        record_id=SOURCE,
        settings=settings(),
        source=fact(SOURCE, LINARC, first_name="Ana", last_name="Li", active=True),
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
        status_rev=1,
        synced_at=None,
        sent=None,
        answered=None,
        failure=None,
        automatic_rev=None,
        item=None,
        directory_read=True,
    )
    return plain._replace(**more)


def linked(**more: object) -> Case:
    """The same record, linked to a destination record that holds the same name."""
    there = fact(DESTINATION, QBO, first_name="Ana", last_name="Li", active=True)
    plain = case(situation=Situation.LINKED, destination=there, destination_record_id=DESTINATION)
    return plain._replace(**more)


FAILURE = Failure("unavailable", None, 7, 1, 3)

STANDINGS = {
    "nothing known of the company": (case(settings=None), Standing(Status.NEEDS_SYNC, "checking")),
    "not answered by mapper": (case(situation=None), Standing(Status.NEEDS_SYNC, "checking")),
    "answered for an older version": (case(link_source_rev=6), Standing(Status.NEEDS_SYNC, "checking")),
    "a linked record goes on while checked": (
        linked(link_source_rev=6),
        Standing(Status.NEEDS_SYNC, "never_pushed"),
    ),
    "nobody there": (case(), Standing(Status.NEEDS_SYNC, "not_pushed")),
    "the directory is not read": (
        case(directory_read=False),
        Standing(Status.NEEDS_SYNC, "directory_being_read"),
    ),
    "created before, and unlinked since": (
        case(created_before=True),
        Standing(Status.NEEDS_ACTION, "created_before"),
    ),
    "creation switched off": (
        case(settings=settings(create_missing=False)),
        Standing(Status.NEEDS_ACTION, "creation_off"),
    ),
    "disputed": (
        case(situation=Situation.DISPUTED, link_reason="similar_name"),
        Standing(Status.NEEDS_ACTION, "similar_name"),
    ),
    "one certain twin, to be confirmed": (
        case(situation=Situation.UNLINKED, link_reason="confirm_match"),
        Standing(Status.NEEDS_ACTION, "confirm_match"),
    ),
    "one certain twin, directory being read": (
        case(situation=Situation.UNLINKED, link_reason="directory_being_read"),
        Standing(Status.NEEDS_SYNC, "directory_being_read"),
    ),
    "no name": (
        case(source=fact(SOURCE, LINARC, first_name=None, active=True)),
        Standing(Status.NEEDS_ACTION, "missing_name", "last_name"),
    ),
    "a colon in the name": (
        case(source=fact(SOURCE, LINARC, first_name="A:na", active=True)),
        Standing(Status.NEEDS_ACTION, "invalid_name", "first_name"),
    ),
    "not active": (
        case(source=fact(SOURCE, LINARC, first_name="Ana", active=False)),
        Standing(Status.NEEDS_ACTION, "inactive_at_source", "active"),
    ),
    "equal, never pushed": (linked(), Standing(Status.NEEDS_SYNC, "never_pushed")),
    "equal, pushed": (linked(synced_at=NOW), Standing(Status.SYNCED)),
    "gone at the destination": (
        linked(destination=fact(DESTINATION, QBO)._replace(state="removed")),
        Standing(Status.NEEDS_ACTION, "deleted_at_destination"),
    ),
    "gone at the source": (
        linked(source=fact(SOURCE, LINARC)._replace(state="removed")),
        Standing(Status.NEEDS_ACTION, "deleted_at_source"),
    ),
    "unreadable": (
        case(source=fact(SOURCE, LINARC)._replace(state="unreadable", reason="unreadable")),
        Standing(Status.NEEDS_ACTION, "unreadable"),
    ),
    "failed, and nothing moved since": (case(failure=FAILURE), Standing(Status.FAILED, "unavailable")),
    "failed before a newer version": (
        case(failure=replace(FAILURE, source_rev=6)),
        Standing(Status.NEEDS_SYNC, "not_pushed"),
    ),
    "refused for its content": (
        case(failure=replace(FAILURE, reason="duplicate_name", field="display_name")),
        Standing(Status.NEEDS_ACTION, "duplicate_name", "display_name"),
    ),
    "held": (case(failure=replace(FAILURE, reason="conflict")), Standing(Status.HELD, "conflict")),
    "created by us, links not heard": (
        linked(synced_at=NOW)._replace(situation=Situation.UNMATCHED, created=True),
        Standing(Status.SYNCED),
    ),
}


@pytest.mark.parametrize(("given", "expected"), STANDINGS.values(), ids=STANDINGS)
def test_standing(given: Case, expected: Standing) -> None:
    """The first rule that applies gives the status and its reason."""
    assert expected == core.standing(given, given.item)


def test_absent_and_masked_values_are_never_written() -> None:
    """Only what the source says, and only what it lets us see."""
    source = Employee(first_name="Ana", email="a@b.example", phone=None, masked=("email",))
    there = Employee(first_name="Ana", last_name="Li", email="x@y.example", phone="+15035550142")

    assert core.differing(linked(), source, there) == {}


def test_an_empty_value_clears_only_what_came_from_the_source() -> None:
    """A phone number that we wrote goes when the source clears it; one that was there before stays."""
    source = Employee(first_name="Ana", phone=None)
    there = Employee(first_name="Ana", phone="+15035550142")
    ours = linked(sent=there, answered=there)

    assert {} == core.differing(linked(), source, there)
    assert {"phone": {"before": "+15035550142", "after": None}} == core.differing(ours, source, there)


def test_what_the_destination_answered_is_not_drift() -> None:
    """A value that the destination writes its own way counts as the one we sent."""
    sent, answered = Employee(suffix="Jr"), Employee(suffix="Jr.")

    assert {} == core.differing(linked(sent=sent, answered=answered), sent, answered)
    assert {"suffix"} == set(core.differing(linked(), sent, answered))


def test_a_push_of_an_unmatched_record_is_planned_as_a_creation() -> None:
    """Every known value that the destination carries is in the plan."""
    asked = Item(uuid5(COMPANY, "x"), SOURCE, QBO, "waiting")

    decision = core.decide(case(), asked, lane="real_time")

    assert decision.planned
    assert decision.item is not None
    assert ("planned", "create") == (decision.item.state, decision.item.action)
    assert {
        "first_name": {"before": None, "after": "Ana"},
        "last_name": {"before": None, "after": "Li"},
    } == dict(decision.item.fields)
    assert Standing(Status.SYNCING, "queued") == decision.standing


def test_a_push_waits_for_the_directory() -> None:
    """Asked before the directory is read: an intent; planned when it has been read."""
    asked = Item(uuid5(COMPANY, "x"), SOURCE, QBO, "waiting")

    early = core.decide(case(directory_read=False), asked, lane="real_time")
    later = core.decide(case(item=early.item), lane="real_time")

    assert early.item is not None
    assert ("waiting", False) == (early.item.state, early.planned)
    assert Standing(Status.SYNCING, "waiting") == early.standing
    assert later.planned


def test_a_push_that_waits_is_cancelled_when_its_account_is_disconnected() -> None:
    """It ends at once, its run too; the record waits for the directory to be read again."""
    there = settings().accounts[1].model_copy(update={"connected": False})
    closed = settings().model_copy(update={"accounts": (settings().accounts[0], there)})
    waiting = Item(uuid5(COMPANY, "x"), SOURCE, QBO, "waiting")

    decision = core.decide(case(settings=closed, directory_read=False, item=waiting), lane="real_time")

    assert decision.ended is not None
    assert decision.ended.outcome == "cancelled"
    assert decision.standing == Standing(Status.NEEDS_SYNC, "directory_being_read")


def test_a_waiting_push_of_a_disputed_record_ends() -> None:
    """It ends as Needs Action; nothing is guessed."""
    waiting = Item(uuid5(COMPANY, "x"), SOURCE, QBO, "waiting")

    decision = core.decide(
        case(item=waiting, situation=Situation.DISPUTED, link_reason="similar_name"), lane="real_time"
    )

    assert decision.ended is not None
    assert "needs_action" == decision.ended.outcome
    assert Standing(Status.NEEDS_ACTION, "similar_name") == decision.standing


def test_automatic_sync_pushes_what_a_hook_staged() -> None:
    """And only with the switch on, and only that version (S40)."""
    on = settings(auto_sync=True)

    assert core.decide(case(settings=on, automatic_rev=7), lane="real_time").planned
    assert not core.decide(case(settings=on, automatic_rev=6), lane="real_time").planned
    assert not core.decide(case(automatic_rev=7), lane="real_time").planned


SKIPS = {
    "ready": (case(), Status.NEEDS_SYNC, 7, None),
    "failed": (case(status=Status.FAILED, failure=FAILURE), Status.FAILED, 7, None),
    "moved since": (case(), Status.NEEDS_SYNC, 6, "moved"),
    "another status since": (case(status=Status.SYNCED), Status.NEEDS_SYNC, 7, "moved"),
    "on its way": (case(item=Item(SOURCE, SOURCE, QBO, "planned")), Status.NEEDS_SYNC, 7, "already_running"),
    "synced": (case(status=Status.SYNCED), Status.SYNCED, 7, "synced"),
    "needs a person": (case(status=Status.NEEDS_ACTION), Status.NEEDS_ACTION, 7, "needs_action"),
    "held": (case(status=Status.HELD), Status.HELD, 7, "held"),
    "unknown": (None, Status.NEEDS_SYNC, 7, "unknown"),
}


@pytest.mark.parametrize(("given", "status", "rev", "expected"), SKIPS.values(), ids=SKIPS)
def test_what_is_skipped(given: Case | None, status: Status, rev: int, expected: str | None) -> None:
    """A selected record is pushed, or counted with why not."""
    assert expected == core.skipped(
        given, Selected(record_id=SOURCE, source_rev=rev, status=status), alone=False
    )


def planned(given: Case, **more: object) -> Item:
    """The item that a push of this case becomes."""
    item = core.decide(given, Item(uuid5(COMPANY, "x"), SOURCE, QBO, "waiting"), lane="real_time").item
    assert item is not None
    return item._replace(**more)


def test_a_claim_refreshes_the_basis_when_other_things_moved() -> None:
    """The plan is the same, so it goes on."""
    item = planned(case())
    newer = case(
        source=fact(SOURCE, LINARC, rev=9, first_name="Ana", last_name="Li", active=True, title="Foreman")
    )

    found = core.recheck(newer, item)

    assert not (found.held or found.ended or found.replanned)
    assert found.item.basis is not None
    assert 9 == found.item.basis.source_rev


def test_a_claim_keeps_the_plan_while_its_basis_stands() -> None:
    """Unless it was tried before: then the destination may have been read afresh, which moves no rev."""
    before = linked(destination=fact(DESTINATION, QBO, first_name="Anna", last_name="Li", active=True))
    item = planned(before, automatic=True)
    read = before._replace(destination=fact(DESTINATION, QBO, first_name="Ana", last_name="Lee", active=True))

    assert core.recheck(before, item).item is item
    assert core.recheck(case(created_before=True), planned(case())).ended, "it was created meanwhile"
    assert core.recheck(read, item._replace(attempts=1)).replanned


def test_a_claim_holds_when_a_planned_field_moved() -> None:
    """A person approved another value; an automatic push is planned again."""
    before = linked(destination=fact(DESTINATION, QBO, first_name="Anna", last_name="Li", active=True))
    item = planned(before)
    moved = before._replace(
        source=fact(SOURCE, LINARC, rev=9, first_name="Anne", last_name="Li", active=True)
    )

    assert core.recheck(moved, item).held
    assert core.recheck(moved, item._replace(automatic=True)).replanned


def test_a_creation_that_became_a_link_is_planned_as_an_update() -> None:
    """A person linked it meanwhile, or an earlier call made it after all: nothing is created."""
    item = planned(case())
    edited = linked()._replace(source=fact(SOURCE, LINARC, first_name="Anne", last_name="Li", active=True))

    found = core.recheck(edited, item)

    assert found.replanned
    assert ("update", {"first_name"}) == (found.item.action, set(found.item.fields))


def test_a_fresh_read_decides_last() -> None:
    """What is there already is not written; what somebody else changed stops the push."""
    item = Item(
        SOURCE,
        SOURCE,
        QBO,
        "claimed",
        "update",
        {"first_name": {"before": "Anna", "after": "Ana"}, "last_name": {"before": "Lee", "after": "Li"}},
    )

    assert ({"last_name": "Li"}, None) == core.still_wanted(item, Employee(first_name="Ana", last_name="Lee"))
    assert ({}, "first_name") == core.still_wanted(item, Employee(first_name="Bob", last_name="Lee"))


def test_our_own_answer_is_not_replaced_by_an_older_read() -> None:
    """A page that was read before our write never undoes it, whatever its rev."""
    ours = Stored(5, "present", "{}", "2", NOW)
    read = fact(DESTINATION, QBO, rev=6)

    assert not core.replaces(ours, read._replace(remote_version="1", read_at=NOW + timedelta(minutes=1)))
    assert core.replaces(ours, read._replace(remote_version="3"))
    assert not core.replaces(ours, read._replace(remote_version="3", rev=5))
    without = ours._replace(remote_version=None)
    assert not core.replaces(without, read._replace(remote_version=None, read_at=NOW - timedelta(seconds=1)))


def test_what_comes_back_of_our_own_writes_is_no_news() -> None:
    """The same values of a record that is there; whoever was gone and is back is news."""
    ours = Stored(5, "present", '{"first_name":"Ana"}', "2", NOW)

    assert core.same(ours, ours._replace(rev=6, remote_version="3"))
    assert not core.same(ours, ours._replace(employee='{"first_name":"Anne"}'))
    assert not core.same(ours._replace(state="removed"), ours)
    assert not core.same(None, ours)


def test_what_was_sent_is_the_plan_when_the_source_moved_on() -> None:
    """A newer edit at the source was not sent, so it is not remembered as sent."""
    item = planned(case())
    moved = case(source=fact(SOURCE, LINARC, rev=9, first_name="Anne", last_name="Li", active=True))

    there = Employee(first_name="Ana", last_name="Li", active=True)

    assert "Ana" == core.exchanged(case(), item, there, same=False)[0].first_name
    assert "Ana" == core.exchanged(moved, item, there, same=False)[0].first_name


def test_what_another_wrote_is_no_answer_to_us() -> None:
    """Only a planned field is remembered as its system changed it; so whoever else edits a record makes it differ."""
    item = planned(case())._replace(fields={"last_name": {"before": None, "after": "Li"}})
    there = Employee(first_name="Anna", last_name="LI", active=True)

    sent, answered = core.exchanged(case(), item, there, same=False)
    assert {"last_name", "active"} == sent.model_fields_set == answered.model_fields_set
    assert ("Li", "LI") == (sent.last_name, answered.last_name)

    found, _ = core.exchanged(case(), item, there, same=False, looked_up=True)
    assert {"active"} == found.model_fields_set


def test_a_late_answer_does_not_replace_what_was_told_meanwhile() -> None:
    """By version, then by time; and who is gone stays gone."""
    known = fact(DESTINATION, QBO, rev=5, first_name="Anna")._replace(remote_version="10", read_at=NOW)
    answer = known._replace(rev=0, remote_version="9")

    assert core.newest(known, answer) == known
    assert core.newest(known, answer._replace(remote_version="11")) == known._replace(remote_version="11")
    assert (
        core.newest(known._replace(state="removed"), answer._replace(remote_version="11")).state == "removed"
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
    ("reason", "alone"), [("outcome_unknown", True), ("unavailable", False), (None, False)]
)
def test_a_push_after_an_unknown_outcome_goes_alone(reason: str | None, *, alone: bool) -> None:
    """So that what broke its batch does not break it again."""
    failure = replace(FAILURE, reason=reason) if reason else None
    item = Item(UUID(int=9), SOURCE, QBO, "waiting")

    assert core.careful(case(failure=failure), item).alone is alone


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

    assert core.can_be_found(Item(UUID(int=9), SOURCE, QBO, "sending", "create", fields)) is found
