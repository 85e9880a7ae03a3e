"""What a freshly read record means for staging."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.importer import core
from services.importer.core import Fresh, Snapshot, Staging
from shared.contracts.events import EmployeeChanged, EmployeeStaged, EmployeeUnreadable
from shared.domain.employee import Change, Employee, content_hash
from shared.domain.settings import Rules
from shared.domain.values import Cause

ACCOUNT, RECORD = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANA, ANNA = Employee(first_name="Ana", last_name="Li"), Employee(first_name="Anna", last_name="Li")


def stored(employee: Employee = ANA, version: str | None = "3", state: str = "present") -> Snapshot:
    """A staged record, asked for at noon and answered a second later."""
    at = NOW + timedelta(seconds=1)
    return Snapshot(
        RECORD,
        ACCOUNT,
        "r",
        7,
        state,
        version,
        None,
        NOW,
        at,
        b"raw",
        content_hash(employee.text()),
        employee,
        employee.text(),
        "{}",
    )


def fresh(employee: Employee | None = ANNA, version: str | None = "4", seconds: float = 5) -> Fresh:
    """The same record as read `seconds` after noon."""
    at = NOW + timedelta(seconds=seconds)
    return Fresh(RECORD, ACCOUNT, "r", employee, version, None, at, at, b"new", "{}")


def stage(
    known: Snapshot | None, one: Fresh, *, cause: Cause = Cause.IMPORT, only_new: bool = False, **rules: bool
) -> Staging:
    """Stage one source record."""
    return core.stage(
        {RECORD: known} if known else {},
        [one],
        rules=Rules(**rules),
        cause=cause,
        is_source=True,
        only_new=only_new,
        milliseconds=5,
    )


def test_an_unknown_record_is_staged() -> None:
    """With the rev of the database's clock."""
    (event,) = stage(None, fresh()).events

    assert isinstance(event, EmployeeStaged)
    assert (event.rev, event.employee) == (5, ANNA)


def test_a_changed_record_tells_what_moved() -> None:
    """Its rev rises even when the clock stands behind."""
    (event,) = stage(stored(), fresh()).events

    assert isinstance(event, EmployeeChanged)
    assert event.rev == 8
    assert event.changes == {"first_name": Change(before="Ana", after="Anna")}


def test_the_same_content_in_another_wrapping_says_nothing() -> None:
    """The snapshot is refreshed, without an event and with the same rev."""
    staging = stage(stored(), fresh(ANA))

    assert (staging.events, staging.unchanged) == ([], 1)
    assert [s.rev for s in staging.saved] == [7]


LATE = {
    "an older version": fresh(version="2"),
    "the same version, asked for before the stored answer": fresh(version="3", seconds=0.5),
    "no version, asked for before the stored answer": fresh(version=None, seconds=0.5),
}


@pytest.mark.parametrize("page", LATE.values(), ids=LATE)
def test_a_late_page_never_beats_a_newer_read(page: Fresh) -> None:
    """Nothing is saved and nothing said."""
    staging = stage(stored(), page)

    assert (staging.saved, staging.events) == ([], [])


SWITCHES = {
    "a hook of a new one, Auto-Create off": (None, Cause.HOOK, {}, 0),
    "a hook of a new one, Auto-Create on": (None, Cause.HOOK, {"auto_create": True}, 1),
    "a hook of a new one, Auto-Update on": (None, Cause.HOOK, {"auto_update": True}, 0),
    "a sweep of a known one, Auto-Update off": (stored(), Cause.SWEEP, {"auto_create": True}, 0),
    "a sweep of a known one, Auto-Update on": (stored(), Cause.SWEEP, {"auto_update": True}, 1),
    "an import ignores them": (stored(), Cause.IMPORT, {}, 1),
}


@pytest.mark.parametrize(("known", "cause", "rules", "events"), SWITCHES.values(), ids=SWITCHES)
@pytest.mark.behaviour("S14", "S15", "S16")
def test_the_switches(known: Snapshot | None, cause: Cause, rules: dict[str, bool], events: int) -> None:
    """Each pulls only its own kind of change; what is not taken is marked seen (S14–S16)."""
    staging = stage(known, fresh(), cause=cause, **rules)

    assert len(staging.events) == events
    assert len(staging.seen) == 1 - events


@pytest.mark.behaviour("S34")
def test_import_new_leaves_staged_rows_as_they_are() -> None:
    """Only what staging does not hold (S34)."""
    assert stage(stored(), fresh(), only_new=True).events == []
    assert len(stage(None, fresh(), only_new=True).events) == 1


def test_an_unreadable_record_keeps_its_last_values() -> None:
    """It is said, with the reason; the others go on."""
    broken = fresh(None)._replace(reason="unreadable", field="hire_date")
    staging = stage(stored(), broken)

    (event,) = staging.events
    assert isinstance(event, EmployeeUnreadable)
    assert (event.reason, event.field, event.rev) == ("unreadable", "hire_date", 8)
    assert staging.saved[0].employee == ANA


def test_our_own_write_is_always_published() -> None:
    """Even when it changed nothing: mapper links by it."""
    staging = stage(stored(), fresh(ANA)._replace(written_for=UUID(int=9)), cause=Cause.PUSH)

    (event,) = staging.events
    assert isinstance(event, EmployeeChanged)
    assert event.written_for == UUID(int=9)


def test_a_late_answer_to_our_own_write_makes_what_stands_be_published_again() -> None:
    """Its writer believes the answer; the record was edited and read meanwhile, perhaps back to what had been told before."""
    late = fresh(ANNA, version="2", seconds=-60)._replace(written_for=UUID(int=9))
    staging = stage(stored(), late, cause=Cause.PUSH)

    (event,) = staging.events
    assert isinstance(event, EmployeeChanged)
    assert (ANA, "3", stored().rev + 1) == (event.employee, event.remote_version, event.rev)
    assert [event.rev] == [s.rev for s in staging.saved]
    assert [] == stage(stored(), late._replace(written_for=None), cause=Cause.PUSH).events
    assert [] == stage(stored(), late._replace(employee=ANA), cause=Cause.PUSH).events


def test_a_record_that_comes_back_is_staged_again() -> None:
    """Removed at one generation, there again at the next."""
    assert isinstance(stage(stored(state="removed"), fresh(ANA)).events[0], EmployeeStaged)


def test_a_page_that_overlaps_our_write_does_not_undo_it() -> None:
    """The page may show the record as it was before the write; in either order the write's answer stays."""
    page = fresh(ANA, version=None, seconds=0.5)._replace(answered_at=NOW + timedelta(seconds=5))
    ours = fresh(ANNA, version=None, seconds=0.8)._replace(written_for=UUID(int=9))

    page_first = stage(stored(ANA, version=None)._replace(answered_at=page.answered_at), ours)
    assert [ANNA] == [s.employee for s in page_first.saved]
    assert page_first.saved[0].written

    answer_first = stage(page_first.saved[0], page)
    assert (1, []) == (answer_first.unchanged, answer_first.saved)
