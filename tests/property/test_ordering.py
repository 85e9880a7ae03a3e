"""Unique values move between people in any pattern, and workers end between any two steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.syncer.core import (
    Move,
    Push,
    PushState,
    Turn,
    begun,
    moving,
    places,
    remaining_changes,
    step_of,
    straight,
)
from shared.domain.employee import Employee
from shared.domain.values import Action
from shared.systems import SYSTEMS

LINARC = SYSTEMS["linarc"]
ROUNDS = 200
LATER = datetime(2026, 11, 28, 12, tzinfo=UTC)


class RefusedError(Exception):
    """Somebody else holds the value, or the system does not like this person."""


@dataclass
class Directory:
    """A system in which e-mail addresses are unique; it likes no write of the people in `odd`."""

    people: dict[UUID, Employee]
    odd: set[UUID] = field(default_factory=set)

    def write(self, record: UUID, values: dict[str, object]) -> None:
        others = {p.email for r, p in self.people.items() if r != record}
        if values.get("email") in others or (record in self.odd and "title" in values):
            raise RefusedError
        self.people[record] = self.people[record].overlaid(Employee(**values))


@dataclass
class Queue:
    """Open pushes, claimed together or one by one; how they ended, by record."""

    directory: Directory
    open: dict[UUID, Push]
    ended: dict[UUID, str] = field(default_factory=dict)
    writes: int = 0
    retried: set[UUID] = field(default_factory=set)
    """Those whose last try failed, and that nobody has claimed since."""

    def moves(self) -> list[Move]:
        return [
            Move(p.push_id, r, *moving(LINARC, p), p.step, LATER if r in self.retried else None)
            for r, p in self.open.items()
        ]

    def claim(self, record: UUID, *, crash: bool, down: bool = False) -> None:
        """One worker's turn with one push; after a `crash` nothing of the write is recorded, and none is made when `down`."""
        push = self.open[record]
        self.retried.discard(record)
        place = places(self.moves())[push.push_id]
        if place.turn is Turn.WAIT:
            assert place.holder in self.open
            assert (place.until is None) or self.retried
            return
        if down and not begun(push, place).step:
            self.retried.add(record)
            return
        push = self.open[record] = begun(push, place)
        wanted, moved = remaining_changes(push, self.directory.people[record], {}, place.turn)
        assert moved is None
        try:
            if wanted:
                self.writes += 1
                self.directory.write(record, wanted)
        except RefusedError:
            if push.step == "aside":
                self.open[record] = push._replace(step="back")
            else:
                self._end(record, "refused")
            return
        if not crash:
            self._record(record, push)

    def _record(self, record: UUID, push: Push) -> None:
        match step_of(push, self.directory.people[record]):
            case None:
                self._end(record, "succeeded")
            case "":
                self.open[record] = straight(push)
            case step:
                self.open[record] = push._replace(step=step)

    def _end(self, record: UUID, outcome: str) -> None:
        del self.open[record]
        self.ended[record] = outcome


def _queue(takes: list[int | None], odd: set[int]) -> Queue:
    """Person n takes the e-mail of person `takes[n]`, or a new one."""
    ids = [UUID(int=n + 1) for n in range(len(takes))]
    people = {i: Employee(email=f"{n}@x.com", title="a") for n, i in enumerate(ids)}
    pushes = {}
    for n, (i, other) in enumerate(zip(ids, takes, strict=True)):
        after = f"new{n}@x.com" if other is None else f"{other}@x.com"
        fields = {
            "email": {"before": f"{n}@x.com", "after": after},
            "title": {"before": "a", "after": "b"},
        }
        pushes[i] = Push(UUID(int=100 + n), i, UUID(int=9), PushState.PLANNED, Action.UPDATE, fields)
    return Queue(Directory(people, {ids[n] for n in odd}), pushes)


@st.composite
def _patterns(draw: st.DrawFn) -> list[int | None]:
    """A permutation whose people may drop out of their cycle, which makes it a chain; nobody takes what is their own."""
    order = draw(st.permutations(range(draw(st.integers(1, 7)))))
    new = draw(st.sets(st.integers(0, len(order) - 1)))
    return [None if n in new or n == other else other for n, other in enumerate(order)]


def _run(queue: Queue, data: st.DataObject, *, crashes: int) -> None:
    for _ in range(ROUNDS):
        if not queue.open:
            return
        for record in data.draw(st.permutations(sorted(queue.open))):
            crash, down = (crashes > 0 and data.draw(st.booleans()) for _ in range(2))
            crashes -= crash or down
            queue.claim(record, crash=crash, down=down)
            for one, person in queue.directory.people.items():
                assert "swap.invalid" not in str(person.email) or one in queue.open
    pytest.fail("pushes are left")


@settings(deadline=None)
@given(_patterns(), st.data())
def test_every_value_reaches_its_person_whatever_the_order_and_the_crashes(
    takes: list[int | None], data: st.DataObject
) -> None:
    queue = _queue(takes, set())
    wanted = {r: p.fields["email"]["after"] for r, p in queue.open.items()}

    _run(queue, data, crashes=data.draw(st.integers(0, 5)))

    assert {r: p.email for r, p in queue.directory.people.items()} == wanted
    assert set(queue.ended.values()) == {"succeeded"}


@settings(deadline=None)
@given(_patterns(), st.data())
def test_who_is_refused_stops_only_those_who_wait_for_that_value(
    takes: list[int | None], data: st.DataObject
) -> None:
    """The others keep their old address, and nobody keeps a temporary one."""
    odd = data.draw(st.sets(st.integers(0, len(takes) - 1), min_size=1, max_size=2))
    queue = _queue(takes, odd)
    plans = dict(queue.open)

    _run(queue, data, crashes=data.draw(st.integers(0, 3)))

    blocked = set(odd)
    for _ in takes:
        blocked |= {n for n, other in enumerate(takes) if other in blocked}
    for n, (record, push) in enumerate(plans.items()):
        there = queue.directory.people[record].email
        assert there == push.fields["email"]["before" if n in blocked else "after"]
        assert queue.ended[record] == ("refused" if n in blocked else "succeeded")


def test_a_chain_takes_one_write_a_person_and_a_cycle_two() -> None:
    chain, cycle = _queue([1, 2, 3, 4, None], set()), _queue([1, 2, 0], set())
    for queue in (chain, cycle):
        while queue.open:
            for record in list(queue.open):
                if record in queue.open:
                    queue.claim(record, crash=False)

    assert (chain.writes, cycle.writes) == (5, 6)


def test_who_waits_for_a_retry_says_until_when_however_indirectly() -> None:
    queue = _queue([1, 2, None], set())
    queue.retried = {UUID(int=3)}

    found = places(queue.moves())

    assert [(Turn.WAIT, LATER)] * 2 == [
        (found[UUID(int=100 + n)].turn, found[UUID(int=100 + n)].until) for n in (0, 1)
    ]
    assert Turn.GO is found[UUID(int=102)].turn


def test_nobody_takes_a_temporary_value_while_another_of_the_cycle_waits_to_be_retried() -> None:
    queue = _queue([1, 0], set())
    queue.retried = {UUID(int=2)}
    place = places(queue.moves())[UUID(int=100)]
    assert (Turn.WAIT, UUID(int=2), LATER) == (place.turn, place.holder, place.until)

    queue.retried = set()
    assert Turn.TEMPORARY is places(queue.moves())[UUID(int=100)].turn


def test_a_chain_of_thousands_is_no_recursion() -> None:
    queue = _queue([*range(1, 5000), None], set())
    moves = [Move(p.push_id, r, *moving(LINARC, p)) for r, p in queue.open.items()]

    turns = [place.turn for place in places(moves).values()]

    assert turns.count(Turn.GO) == 1
    assert turns.count(Turn.WAIT) == 4999
