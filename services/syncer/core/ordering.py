"""Who writes first: values that only one record of a system may hold, and that move between records. Pure.

A push that takes a value waits for the open push that frees it. Where such pushes form a cycle, each first writes its
whole change with a temporary value in place of the one that moves, and takes its own once all of them hold temporary
values: what the system refuses for its content is refused before anybody has taken anything, and everyone can go back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

from services.syncer.core.state import Fields, Push
from shared.domain.capabilities import System, unique_key
from shared.domain.display_names import PARTS, default_name, followed
from shared.domain.employee import Employee
from shared.domain.forms import same
from shared.domain.values import Action


class Move(NamedTuple):
    """An open push in this order, with the unique values that it frees and takes, as `unique_key` writes them."""

    push_id: UUID
    record_id: UUID
    frees: frozenset[str]
    takes: frozenset[str]
    step: str = ""
    """That of the push."""
    retry_at: datetime | None = None
    """It has failed, and this is when it is tried again."""


class Turn(Enum):
    """What a push may do now."""

    GO = "go"
    WAIT = "wait"
    TEMPORARY = "temporary"
    """Write all of it, with temporary values in place of those that move."""
    BACK = "back"
    """Write what was there before."""


class Place(NamedTuple):
    """A push's turn, the record whose push it waits for, and the values that move in its cycle."""

    turn: Turn
    holder: UUID | None = None
    circling: frozenset[str] = frozenset()
    until: datetime | None = None
    """When a push that has failed is tried again: this one waits for that, however indirectly."""


def moving(system: System, push: Push) -> tuple[frozenset[str], frozenset[str]]:
    """The unique values that this push frees, and those that it takes."""
    frees, takes = set(), set()
    for name in system.unique:
        change: Mapping[str, Any] = push.fields.get(name) or {}
        old, new = (unique_key(name, change[k]) if change.get(k) else None for k in ("before", "after"))
        if old != new:
            frees.add(old)
            takes.add(new)
    if push.action is Action.CREATE and "display_name" in system.unique:
        name = default_name({part: push.fields[part]["after"] for part in PARTS if part in push.fields})
        takes.add(unique_key("display_name", name))
    return frozenset(filter(None, frees)), frozenset(filter(None, takes))


def places(moves: Sequence[Move]) -> dict[UUID, Place]:
    """The place of each of these pushes; `moves` holds every open push that one of them waits for, however indirectly."""
    freeing: dict[str, list[Move]] = {}
    for move in moves:
        for value in move.frees:
            freeing.setdefault(value, []).append(move)
    holders = {
        m.push_id: [h for value in sorted(m.takes) for h in freeing.get(value, ()) if h.push_id != m.push_id]
        for m in moves
    }
    by_id = {m.push_id: m for m in moves}
    found: dict[UUID, Place] = {}
    components = _components({i: [h.push_id for h in some] for i, some in holders.items()})
    for ids in reversed(components):  # those that others wait for first
        members = [by_id[i] for i in ids]
        for member in members:
            outside = {
                h.record_id: h.retry_at or found[h.push_id].until
                for h in holders[member.push_id]
                if h.push_id not in ids
            }
            found[member.push_id] = _place(member, members, outside)
    return found


def _place(move: Move, members: Sequence[Move], outside: Mapping[UUID, datetime | None]) -> Place:
    """The place of one of a cycle's `members`, or of one by itself, that waits for the records `outside` until then."""
    if move.step == "back":
        return Place(Turn.BACK)
    if not move.step:  # nobody holds a temporary value for as long as another waits to be retried
        retried = {m.record_id: m.retry_at for m in members if m.retry_at and m is not move and not m.step}
        outside = {**outside, **retried}
    if outside:
        holder = next((record for record, at in outside.items() if at), next(iter(outside)))
        return Place(Turn.WAIT, holder, until=outside[holder])
    if len(members) == 1:
        return Place(Turn.GO)
    if move.step in {"", "leaving"}:
        freed = frozenset().union(*(m.frees for m in members))
        taken = frozenset().union(*(m.takes for m in members))
        return Place(Turn.TEMPORARY, circling=freed & taken)
    late = [m for m in members if m.step != "aside"]
    return Place(Turn.WAIT, late[0].record_id) if late else Place(Turn.GO)


def _components(edges: Mapping[UUID, Sequence[UUID]]) -> list[set[UUID]]:
    """The strongly connected components (Kosaraju), without recursion: a chain may be thousands long."""
    backwards: dict[UUID, list[UUID]] = {node: [] for node in edges}
    for node, targets in edges.items():
        for target in targets:
            backwards[target].append(node)
    finished: list[UUID] = []
    _walk(edges, edges, set(), finished)
    seen: set[UUID] = set()
    components = []
    for node in reversed(finished):
        if node not in seen:
            component: list[UUID] = []
            _walk([node], backwards, seen, component)
            components.append(set(component))
    return components


def _walk(
    starts: Iterable[UUID], edges: Mapping[UUID, Sequence[UUID]], seen: set[UUID], out: list[UUID]
) -> None:
    """Depth first from these; every node is put `out` after those it leads to."""
    for start in starts:
        stack = [] if start in seen else [(start, iter(edges[start]))]
        seen.add(start)
        while stack:
            _, targets = stack[-1]
            following = next((t for t in targets if t not in seen), None)
            if following is None:
                out.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(edges[following])))


def begun(push: Push, place: Place) -> Push:
    """The push as it is stored before its turn is carried out.

    In a cycle its plan has a temporary value, `via`, for each field whose value moves there.
    """
    if place.turn is Turn.GO and push.step == "leaving":
        return push._replace(step="aside")
    if place.turn is not Turn.TEMPORARY:
        return push
    fields = {name: dict(change) for name, change in push.fields.items()}
    for name, change in fields.items():
        values = (change["before"], change["after"])
        if any(isinstance(v, str) and unique_key(name, v) in place.circling for v in values):
            change["via"] = _temporary(name, push.push_id)
    return push._replace(fields=fields, step="leaving")


def _temporary(field: str, push_id: UUID) -> str:
    """A value that nobody holds, and that leads nowhere (RFC 2606)."""
    name = f"muster-{push_id.hex[-12:]}"
    return f"{name}@swap.invalid" if field == "email" else name


def straight(push: Push) -> Push:
    """The push without temporary values: it has gone back, and begins again."""
    fields = {n: {k: v for k, v in change.items() if k != "via"} for n, change in push.fields.items()}
    return push._replace(fields=fields, step="")


def step_of(push: Push, there: Employee) -> str | None:
    """The step that a push over temporary values has reached when the destination holds these; None when it is over."""
    ways = {name: change for name, change in push.fields.items() if change.get("via") is not None}
    if any(same(name, getattr(there, name), change["via"]) for name, change in ways.items()):
        return "aside"
    return None if all(same(name, getattr(there, name), c["after"]) for name, c in ways.items()) else ""


def with_display_name(fields: Fields, there: Employee) -> Fields:
    """The changes of a record's name with the one that its display name follows with: QuickBooks keeps that unique.

    One who comes back gets it from the connector, which takes the mark of the deleted off as well.
    """
    shown = there.display_name
    known = not {"display_name", *PARTS}.intersection(there.masked)
    if not shown or not known or "active" in fields or not any(part in fields for part in PARTS):
        return fields
    before = {part: getattr(there, part) for part in PARTS}
    after = before | {part: fields[part]["after"] for part in PARTS if part in fields}
    name = followed(shown, before, after)
    return fields if name == shown else {**fields, "display_name": {"before": shown, "after": name}}
