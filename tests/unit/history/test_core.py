"""history's pure part: the chain, the folding of events, and the words."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.history.core import chain, feed, fold, run_rows, show
from services.history.core.chain import GENESIS, Ends, Entry, Fault, Head
from services.history.core.show import Cursor
from shared.contracts.events import (
    EmployeeRemoved,
    EmployeeStaged,
    ImportCancelled,
    ImportCompleted,
    ImportFailed,
    ImportProgressed,
    ImportStarted,
    Message,
    PushHeld,
    RecordLinked,
    RecordStatus,
    RecordUnmatched,
    StatusChanged,
)
from shared.domain.employee import Employee
from shared.domain.reasons import FIXES, REASONS
from shared.domain.values import Cause, Lane, Status
from shared.systems.words import Names, reason_words
from tests.support.companies import document

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
COMPANY, OTHER, RECORD, ACCOUNT, RUN = (UUID(int=n) for n in range(1, 6))
CALLED = Names("Linarc", "QuickBooks Online")


def message(body: Any, n: int = 1, company: UUID = COMPANY, **more: Any) -> Message[Any]:
    raw = body.model_dump_json().encode()
    return Message(UUID(int=1000 + n), NOW + timedelta(seconds=n), company, Lane.BULK, body, raw=raw, **more)


def staged(rev: int, **values: Any) -> EmployeeStaged:
    return EmployeeStaged(
        record_id=RECORD, account_id=ACCOUNT, remote_id="7", rev=rev, employee=Employee(**values),
        requested_at=NOW, answered_at=NOW, cause=Cause.HOOK
    )  # fmt: skip


def status(rev: int, value: Status = Status.FAILED) -> StatusChanged:
    return StatusChanged(record_id=RECORD, status_rev=rev, status=value, reason="unavailable")


def linked(rev: int) -> RecordLinked:
    return RecordLinked(
        record_id=RECORD, account_id=ACCOUNT, destination_account_id=OTHER, link_rev=rev, source_rev=1,
        destination_record_id=RUN, destination_remote_id="9", origin="auto",
    )  # fmt: skip


def written() -> list[Entry]:
    heads = {COMPANY: Head(COMPANY, 0, GENESIS), OTHER: Head(OTHER, 41, b"x" * 32)}
    events = [
        message(status(n), n, (COMPANY, OTHER)[n % 2], actor="ann" if n % 3 else None) for n in range(8)
    ]
    entries, ends = chain.chain(heads, events)
    assert (ends[COMPANY].n, ends[OTHER].n) == (4, 45)
    assert entries[-1].hash == ends[OTHER].hash
    assert entries[0].topic == "pushes.bulk.v1"
    return [e for e in entries if e.company_id == COMPANY]


def test_a_chain_as_written_holds() -> None:
    rows = written()
    assert list(chain.verify(rows)) == []
    assert list(chain.verify(rows[2:], rows[1].hash, 2)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"company_id": OTHER},
        {"event_id": OTHER},
        {"event_time": NOW},
        {"type": "x"},
        {"topic": "x"},
        {"record_id": None},
        {"record_id": OTHER},
        {"run_id": UUID(int=0)},
        {"actor": "bob"},
        {"actor": ""},
        {"cause": ""},
        {"body": b"{}"},
        {"prev_hash": GENESIS},
        {"hash": GENESIS},
        {"n": 9},
    ],
)
def test_any_change_of_an_entry_is_found_where_it_is(change: dict[str, Any]) -> None:
    rows = written()
    original = (
        next(n for n, row in enumerate(rows) if n and row.actor is None) if change.get("actor") == "" else 1
    )
    rows[original] = rows[original]._replace(**change)
    assert next(chain.verify(rows)).n == original + 1


def test_what_is_left_out_or_put_in_another_place_is_found() -> None:
    rows = written()
    assert list(chain.verify(rows[1:])) == [Fault("missing", 1)]
    assert list(chain.verify([rows[0], *rows[3:]])) == [Fault("missing", 2, 2)]
    moved = [rows[0], rows[2]._replace(n=2), rows[1]._replace(n=3), rows[3]]
    assert [f.n for f in chain.verify(moved)] == [2, 2, 3, 3, 4]


def test_a_changed_entry_with_its_hash_computed_again_breaks_the_next() -> None:
    rows = written()
    rows[1] = hashed(rows[1]._replace(body=b"{}"))
    assert list(chain.verify(rows)) == [Fault("unchained", 3)]


def test_every_fault_is_named_not_only_the_first() -> None:
    rows = written()
    rows[0], rows[2] = rows[0]._replace(body=b"{}"), rows[2]._replace(actor="bob")
    assert list(chain.verify(rows)) == [Fault("changed", 1), Fault("changed", 3)]


def hashed(entry: Entry) -> Entry:
    return entry._replace(hash=chain.digest(*entry[:12]))


END = b"e" * 32


@pytest.mark.parametrize(
    ("ends", "reached", "faults"),
    [
        (Ends(4, END, 4, known=True), 4, []),
        (Ends(None, None, None, known=False), 0, []),
        (Ends(None, None, None, known=True), 0, [Fault("emptied", 0, 0)]),
        (Ends(0, GENESIS, None, known=True), 0, [Fault("emptied", 0, 0)]),
        (Ends(4, END, None, known=True), 0, [Fault("missing", 1, 4)]),
        (Ends(4, END, 2, known=True), 2, [Fault("missing", 3, 2)]),
        (Ends(None, None, 4, known=True), 4, [Fault("no_head", 4)]),
        (Ends(4, END, 6, known=True), 4, [Fault("beyond_head", 5, 2)]),
        (Ends(4, GENESIS, 4, known=True), 4, [Fault("wrong_head", 4)]),
        (Ends(4, END, 6, known=True), 2, [Fault("missing", 3, 2), Fault("beyond_head", 5, 2)]),
        (Ends(0, GENESIS, 2, known=True), 0, [Fault("beyond_head", 1, 2)]),
    ],
)
def test_the_head_and_the_entries_must_end_together(ends: Ends, reached: int, faults: list[Fault]) -> None:
    last = END if reached else GENESIS
    assert list(chain.verify_ends(ends, reached, last)) == faults
    assert all("{" not in chain.describe(fault) for fault in faults)


def test_moving_text_between_fields_moves_the_hash() -> None:
    fields = (COMPANY, 1, OTHER, NOW, "a", "b", None, None, "c", None, b"body", GENESIS)
    others = [
        (*fields[:8], None, "c", *fields[10:]),
        (*fields[:10], b"", GENESIS),
        (*fields[:4], "a\0b", "", *fields[6:]),
    ]
    assert chain.digest(*fields) not in [chain.digest(*other) for other in others]


def test_the_newest_rev_stands_and_keeps_the_newest_employee() -> None:
    removed = EmployeeRemoved(record_id=RECORD, account_id=ACCOUNT, remote_id="7", rev=3, cause=Cause.READ)
    events = [
        message(staged(1, first_name="Old")),
        message(staged(2, first_name="Zoë", number="7")),
        message(removed),
    ]
    for order in itertools.permutations(events):
        (snapshot,) = fold.snapshots(order)
        assert (snapshot.rev, snapshot.employee_rev, snapshot.removed) == (3, 2, True)
        assert (snapshot.name, snapshot.search) == ("Zoë", "zoe 7")
        assert snapshot.employee is not None
        assert Employee.model_validate_json(snapshot.employee) == Employee(first_name="Zoë", number="7")
    (alone,) = fold.snapshots([message(removed)])
    assert (alone.employee_rev, alone.employee, alone.name) == (0, None, "")


def test_the_newest_decision_and_the_newest_status_stand() -> None:
    unmatched = RecordUnmatched(
        record_id=RECORD, account_id=ACCOUNT, destination_account_id=OTHER, link_rev=1, source_rev=1
    )
    for order in itertools.permutations([message(unmatched), message(linked(2)), message(linked(1))]):
        (row,) = fold.linkings(order)
        assert (row.link_rev, row.situation, row.destination_remote_id) == (2, "linked", "9")
    for order in itertools.permutations(
        [message(status(1)), message(status(3, Status.SYNCED)), message(status(2))]
    ):
        (sync_status,) = fold.statuses(order)
        assert (sync_status.status_rev, sync_status.status) == (3, "synced")


def test_a_status_that_comes_with_a_push_counts_as_one_that_comes_alone() -> None:
    carried = RecordStatus(status_rev=2, status=Status.HELD, reason="conflict", field="email")
    held = PushHeld(record_id=RECORD, push_id=RUN, reason="conflict", record_status=carried)
    unmoved = PushHeld(record_id=RECORD, push_id=RUN, reason="conflict")
    for order in itertools.permutations([message(status(1)), message(held), message(unmoved)]):
        (found,) = fold.statuses(order)
        assert (found.status_rev, found.status, found.field) == (2, "held", "email")


def test_other_programs_receive_the_status_that_comes_with_a_push() -> None:
    carried = RecordStatus(status_rev=2, status=Status.HELD, reason="conflict", field="email")
    held = PushHeld(record_id=RECORD, push_id=RUN, reason="conflict", field="email", record_status=carried)
    entries, _ = chain.chain({COMPANY: Head(COMPANY, 0, GENESIS)}, [message(held), message(status(1), 2)])

    with_push, alone = map(feed.feed_event, entries)

    assert (with_push.type, with_push.status, with_push.reason) == ("push.held", "held", "conflict")
    assert (alone.type, alone.status) == ("status.changed", "failed")


def test_one_record_id_in_two_companies_is_two_rows() -> None:
    events = [message(staged(1)), message(staged(2), company=OTHER)]
    assert [(f.company_id, f.rev) for f in fold.snapshots(events)] == [(COMPANY, 1), (OTHER, 2)]


def counts(read: int) -> dict[str, int]:
    return {"read": read, "staged": 0, "changed": 0, "unchanged": 0, "unreadable": 0}


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        (ImportCompleted(run_id=RUN, **counts(9)), "completed", None),
        (ImportFailed(run_id=RUN, reason="unavailable"), "failed", "unavailable"),
        (ImportCancelled(run_id=RUN, **counts(7)), "cancelled", None),
    ],
)
def test_a_run_is_the_same_in_any_order_and_never_goes_back(end: Any, state: str, reason: str | None) -> None:
    story = [
        message(ImportStarted(run_id=RUN, account_id=ACCOUNT, mode="all"), 1, actor="ann"),
        message(ImportProgressed(run_id=RUN, **counts(3)), 2),
        message(ImportProgressed(run_id=RUN, **counts(6)), 3),
        message(end, 4),
    ]
    for order in itertools.permutations(story):
        run = None
        read = 0
        for event in order:
            run = run_rows.fold_run(run, event)
            assert run.counts.get("read", 0) >= read
            read = run.counts.get("read", 0)
        assert run is not None
        assert (run.state, run.reason, run.mode, run.actor) == (state, reason, "all", "ann")
        assert (run.started_at, run.ended_at) == (story[0].time, story[3].time)


def test_every_reason_is_a_sentence_with_the_names_of_the_systems() -> None:
    for reason in REASONS:
        for field in (None, "address_line1", *(field for code, field in FIXES if code == reason)):
            text, fix = reason_words(reason, field, CALLED)
            assert text.endswith(".") and fix.endswith(".")
            assert "{" not in text + fix
    text, fix = reason_words("text_too_long", "address_line1", CALLED)
    assert text == "The value of address line 1 is longer than QuickBooks Online takes."
    assert fix == "Shorten it in Linarc."
    _, fix = reason_words("text_too_long", "email", CALLED)
    assert fix == "Mail to a shortened address gets lost: enter another in Linarc, or none."
    assert reason_words("a_new_code", None, CALLED) == ("A new code", "")


def test_notes_name_what_was_not_taken_and_what_the_destination_cannot_hold() -> None:
    """In words, with the names of the systems and the field."""
    notes = ({"field": "cost_rate", "reason": "rounded"}, {"field": "number", "reason": "too_long"})
    person = Employee.model_validate({"first_name": "Ana", "gender": "Non-binary", "notes": notes})
    body = document(1)
    shown = {note.field: note.text for note in show.notes(person, body.settings)}

    assert {"cost_rate", "number", "gender"} == set(shown)
    assert shown["gender"].startswith("QuickBooks Online cannot hold the value of gender")
    assert "employee number in Linarc" in shown["number"]
    assert {"cost_rate", "number"} == {note.field for note in show.notes(person, None)}
    assert () == show.notes(Employee(first_name="Ana"), body.settings)


def test_a_cursor_comes_back_as_it_went_and_only_for_its_sort() -> None:
    cursor = Cursor("name", "josé ☃", NOW, RECORD)
    assert Cursor.decode(cursor.encode(), "name") == cursor
    for word, sort in (
        (cursor.encode(), "number"),
        ("", "name"),
        ("%%", "name"),
        ("bnVsbA", "name"),
        ("ż", "name"),
        (cursor.encode()[:-5], "name"),
    ):
        with pytest.raises(ValueError):  # noqa: PT011  (whatever is wrong with it)
            Cursor.decode(word, sort)
