"""What the calls of one sandbox share, and how people are put into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from sandbox.faults import Faults
from sandbox.hooks import Hooks, Kind, Shape
from sandbox.store import Row, Store

Setting = bool | int | float | str


class Wire(Protocol):
    """How one system shapes its employees."""

    def seeded(self, scope: str, num: int, employee: dict[str, Any], now: int) -> Row:
        """The stored form of a seeded employee."""

    def num(self, remote_id: str) -> int | None:
        """The number in a remote id."""

    def remote_id(self, num: int) -> str:
        """The remote id of a number."""

    def event(self, before: Row | None, row: Row) -> tuple[Kind, str]:
        """How a creation or a change is announced."""

    def edited(self, scope: str, row: Row, changes: dict[str, Any], now: int) -> Row:
        """The row after somebody changed it by hand; null clears a field."""


@dataclass
class Sandbox:
    """`scopes` are realms or tenants, `lists` other lists kept beside employees."""

    store: Store
    scopes: tuple[str, ...]
    wire: Wire
    shape: Shape
    faults: Faults = field(default_factory=Faults)
    calls: Counter[str] = field(default_factory=Counter)
    switches: dict[str, Setting] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    company_defaults: dict[str, Setting] = field(default_factory=dict)
    companies: dict[str, dict[str, Setting]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What was turned before a restart stays turned."""
        self.hooks = Hooks(self.store, self.faults, self.shape)
        _adopt(self.switches, self.store.setting("switches"))
        for scope in self.scopes:
            self.companies[scope] = dict(self.company_defaults)
            _adopt(self.companies[scope], self.store.setting(f"company {scope}"))

        self.hooks.scale = lambda: self.number("time_scale")
        self.hooks.hold_back = lambda: self.on("hold_back")
        self.hooks.gather_seconds = lambda: float(self.switches.get("webhook_gather_seconds", 0))

    def changed(self, scope: str, before: Row | None, row: Row) -> None:
        """Announce a write, inside its transaction."""
        if scope in self.companies:
            kind, detail = self.wire.event(before, row)
            self.hooks.note(scope, self.wire.remote_id(row.num), kind, detail)

    def company(self, scope: str) -> dict[str, Setting]:
        """What was chosen about one realm or tenant."""
        return self.companies[scope]

    def on(self, name: str) -> bool:
        return self.switches[name] is True

    def number(self, name: str) -> float:
        return float(self.switches[name])

    def check(self, switches: Mapping[str, object], companies: Mapping[str, Mapping[str, object]]) -> None:
        """Raises ValueError when any of these could not be set."""
        _check(self.switches, switches)
        for scope, given in companies.items():
            _check(self.companies[scope], given)

    def set(self, given: Mapping[str, object]) -> None:
        """Set switches and keep them. Raises ValueError that says what is wrong."""
        _check(self.switches, given)
        _adopt(self.switches, given)
        self.store.keep_setting("switches", self.switches)

    def set_company(self, scope: str, given: Mapping[str, object]) -> None:
        """The same for one realm or tenant."""
        _check(self.companies[scope], given)
        _adopt(self.companies[scope], given)
        self.store.keep_setting(f"company {scope}", self.companies[scope])


def _adopt(settings: dict[str, Setting], given: Mapping[str, object]) -> None:
    settings.update({k: v for k, v in given.items() if k in settings and isinstance(v, Setting)})


def _check(settings: Mapping[str, Setting], given: Mapping[str, object]) -> None:
    if unknown := sorted(set(given) - set(settings)):
        msg = f"unknown: {', '.join(unknown)}; there are: {', '.join(sorted(settings))}"
        raise ValueError(msg)
    for name, value in given.items():
        _same_kind(name, settings[name], value)


def _same_kind(name: str, known: Setting, value: object) -> None:
    number = isinstance(known, int | float) and not isinstance(known, bool)
    fits = (
        isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if number
        else type(value) is type(known)
    )
    if not fits:
        msg = f"{name} takes {'a number of 0 or more' if number else type(known).__name__}"
        raise ValueError(msg)


def seed(sandbox: Sandbox, employees: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """Store (scope, employee) pairs as they are, keeping ids that are given; returns their ids in order."""
    ids: list[str] = []
    now = sandbox.store.now()
    following: dict[str, int] = {}
    with sandbox.store.transaction():
        for scope, employee in employees:
            given = employee.get("Id") or employee.get("id")
            free = following.get(scope) or sandbox.store.next_num(scope)
            num = (sandbox.wire.num(str(given)) if given else None) or free
            sandbox.store.insert(scope, sandbox.wire.seeded(scope, num, employee, now))
            following[scope] = max(free, num + 1)
            ids.append(sandbox.wire.remote_id(num))
    return ids


def seed_empty(sandbox: Sandbox, employees: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Load a seed file into those realms or tenants that hold nobody yet."""
    empty = {scope for scope in sandbox.scopes if sandbox.store.next_num(scope) == 1}
    seed(sandbox, ((scope, employee) for scope, employee in employees if scope in empty))


def loads(raw: bytes) -> dict[str, Any]:
    """The JSON object of an admin call. Raises ValueError when it is none."""
    found = orjson.loads(raw or b"{}")
    if not isinstance(found, dict):
        msg = "the body must be a JSON object"
        raise ValueError(msg)  # noqa: TRY004  (a value from outside, like any other JSON error)
    return found
