"""How messages are named, keyed and written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest

from shared.contracts import commands, events
from shared.contracts.events import Body, DirectoryComplete, EmployeeStaged
from shared.contracts.topics import TOPICS
from shared.domain.employee import Employee
from shared.domain.reasons import CONNECTIONS, REASONS, connection_words
from shared.domain.values import Cause, Lane

AT = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
STAGED = EmployeeStaged(
    record_id=UUID(int=1),
    account_id=UUID(int=2),
    remote_id="7",
    rev=1_795_521_600_250,
    employee=Employee(first_name="Ana", last_name=None),
    requested_at=AT,
    answered_at=AT,
    cause=Cause.HOOK,
)


def test_a_message_says_what_was_set_and_no_more() -> None:
    """A rev is a whole number, an instant is ISO 8601 in UTC; what was never told stays untold."""
    assert {
        "record_id": str(UUID(int=1)),
        "account_id": str(UUID(int=2)),
        "remote_id": "7",
        "rev": 1_795_521_600_250,
        "employee": {"first_name": "Ana", "last_name": None},
        "requested_at": "2026-11-24T12:00:00.250000Z",
        "answered_at": "2026-11-24T12:00:00.250000Z",
        "cause": "hook",
    } == orjson.loads(STAGED.raw())


def test_a_message_comes_back_as_it_went() -> None:
    """With the same values set; what a later version adds is ignored."""
    again = EmployeeStaged.model_validate_json(STAGED.raw())
    later = EmployeeStaged.model_validate_json(orjson.dumps(orjson.loads(STAGED.raw()) | {"colour": "red"}))

    assert STAGED == again == later
    assert STAGED.raw() == again.raw() == later.raw()
    assert {"first_name", "last_name"} == again.employee.model_fields_set


def test_an_instant_is_the_same_in_every_zone() -> None:
    """It is compared as an instant, not as text."""
    there = AT.astimezone(timezone(timedelta(hours=-7)))
    received = EmployeeStaged.model_validate_json(STAGED.model_copy(update={"answered_at": there}).raw())

    assert AT == received.answered_at


KEYS = {
    "a record's": (STAGED, UUID(int=1)),
    "a run's": (events.ImportFailed(run_id=UUID(int=3), reason="expired"), UUID(int=3)),
    "an account's": (
        DirectoryComplete(account_id=UUID(int=2), generation=1, as_of=AT, base=AT, part=0, parts=12),
        UUID(int=2),
    ),
    "wanted": (events.DirectoryWanted(account_id=UUID(int=2), not_before=AT), UUID(int=2)),
    "a company's": (events.ViewChanged(company_id=UUID(int=4), position=1), UUID(int=4)),
    "a command's": (
        commands.ImportEmployees(run_id=UUID(int=3), account_id=UUID(int=2), mode="all"),
        UUID(int=3),
    ),
}


@pytest.mark.parametrize(("body", "key"), KEYS.values(), ids=KEYS)
def test_what_must_stay_in_order_shares_a_key(body: Body, key: UUID) -> None:
    """The id that decides the partition."""
    assert key == body.key()


def test_every_message_has_a_name_of_its_own_and_a_topic() -> None:
    """`EmployeeChanged` is `employee.changed`."""
    known = events.bodies()

    assert known["employee.changed"] is events.EmployeeChanged
    assert known["import.employees"] is commands.ImportEmployees
    assert {body.topic for body in known.values()} == set(TOPICS)
    assert [name for name in known if name != name.lower() or "." not in name] == []


def test_a_topic_of_two_lanes_has_two_names() -> None:
    """Real time never stands behind bulk; no two topics share a name."""
    names = [name for topic in TOPICS for name in topic.names()]

    assert len(names) == len(set(names))
    employees = EmployeeStaged.topic
    assert ("employees.v1", "employees.bulk.v1") == (employees.on(Lane.REAL_TIME), employees.on(Lane.BULK))
    assert events.ImportFailed.topic.on(Lane.BULK) == events.ImportFailed.topic.on(Lane.REAL_TIME)


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_can_be_said(code: str) -> None:
    """In words for people, with what to do about it."""
    names = {"source": "Linarc", "destination": "QuickBooks Online", "field": "the last name"}
    for words in (REASONS[code].text, REASONS[code].fix):
        published = words.format(**names)
        assert published.endswith(".")
        assert "{" not in published


@pytest.mark.parametrize("state", [*CONNECTIONS, "of tomorrow"])
def test_every_state_of_a_connection_can_be_said(state: str) -> None:
    """One that we do not know yet asks to connect again."""
    words = connection_words(state, "QuickBooks Online")

    assert "{" not in words.text + words.fix
    assert state in CONNECTIONS or words == connection_words("reconnect", "QuickBooks Online")
