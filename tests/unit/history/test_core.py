"""history's pure part: the chain, the folding of events, and the words."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.history.core import chain, fold, show
from services.history.core.chain import GENESIS, Entry, Head
from services.history.core.show import Cursor, Names
from shared.contracts.events import (
    EmployeeRemoved,
    EmployeeStaged,
    ImportCompleted,
    ImportFailed,
    ImportProgressed,
    ImportStarted,
    Message,
    RecordLinked,
    RecordUnmatched,
    StatusChanged,
)
from shared.contracts.reasons import REASONS
from shared.contracts.records import Cause, Employee, Lane, Status

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
COMPANY, OTHER, RECORD, ACCOUNT, RUN = (UUID(int=n) for n in range(1, 6))
CALLED = Names("Linarc", "QuickBooks Online")


def message(body: Any, n: int = 1, company: UUID = COMPANY, **more: Any) -> Message[Any]:
    raw = body.model_dump_json().encode()
    return Message(UUID(int=1000 + n), NOW + timedelta(seconds=n), company, Lane.BULK, body, raw=raw, **more)


def staged(rev: int, **values: Any) -> EmployeeStaged:
    return EmployeeStaged(
        record_id=RECORD, account_id=ACCOUNT, remote_id="7", rev=rev, employee=Employee(**values), read_at=NOW, cause=Cause.HOOK
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
    assert chain.verify(rows) is None
    assert chain.verify(rows[2:], rows[1].hash, 2) is None


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
    assert chain.verify(rows) == original + 1


def test_what_is_left_out_or_put_in_another_place_is_found() -> None:
    rows = written()
    assert chain.verify(rows[1:]) == 1
    assert chain.verify([rows[0], *rows[2:]]) == 2
    assert chain.verify([rows[0], rows[2], rows[1], rows[3]]) == 2


def test_a_changed_entry_with_its_hash_made_anew_breaks_the_next() -> None:
    rows = written()
    forged = rows[1]._replace(body=b"{}")
    rows[1] = forged._replace(hash=chain.digest(*forged[:12]))
    assert chain.verify(rows) == 3


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
        (fact,) = fold.facts(order)
        assert (fact.rev, fact.employee_rev, fact.removed) == (3, 2, True)
        assert (fact.name, fact.search) == ("Zoë", "zoe  7")
        assert fact.employee is not None
        assert Employee.model_validate_json(fact.employee) == Employee(first_name="Zoë", number="7")
    (alone,) = fold.facts([message(removed)])
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
        (standing,) = fold.standings(order)
        assert (standing.status_rev, standing.status) == (3, "synced")


def test_one_record_id_in_two_companies_is_two_rows() -> None:
    events = [message(staged(1)), message(staged(2), company=OTHER)]
    assert [(f.company_id, f.rev) for f in fold.facts(events)] == [(COMPANY, 1), (OTHER, 2)]


def counts(read: int) -> dict[str, int]:
    return {"read": read, "staged": 0, "changed": 0, "unchanged": 0, "unreadable": 0}


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        (ImportCompleted(run_id=RUN, **counts(9)), "completed", None),
        (ImportFailed(run_id=RUN, reason="unavailable"), "failed", "unavailable"),
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
            run = fold.fold_run(run, event)
            assert run.counts.get("read", 0) >= read
            read = run.counts.get("read", 0)
        assert run is not None
        assert (run.state, run.reason, run.mode, run.actor) == (state, reason, "all", "ann")
        assert (run.started_at, run.ended_at) == (story[0].time, story[3].time)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("José Muñoz", "jose munoz"),
        ("ŁUKASZ", "lukasz"),
        ("Straße", "strasse"),
        ("O'NEIL", "o'neil"),
        ("Ⅳ", "iv"),
        ("陈 Wei", "陈 wei"),
    ],
)
def test_search_ignores_accents_and_case(text: str, found: str) -> None:
    assert fold.searchable(text) == found


def test_every_reason_is_a_sentence_with_the_names_of_the_systems() -> None:
    for reason in REASONS:
        for field in (None, "address_line1"):
            text, fix = show.reason_words(reason, field, CALLED)
            assert text.endswith(".") and fix.endswith(".")
            assert "{" not in text + fix
    text, fix = show.reason_words("text_too_long", "address_line1", CALLED)
    assert text == "The value of address line 1 is longer than QuickBooks Online takes."
    assert fix == "Shorten it in Linarc."
    assert show.reason_words("a_new_code", None, CALLED) == ("A new code", "")


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


def test_a_pattern_finds_only_what_was_typed() -> None:
    assert show.like(r"10%_\x") == r"%10\%\_\\x%"
