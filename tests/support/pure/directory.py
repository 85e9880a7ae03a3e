"""One of the two systems, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.connectors.ports import Write, Written
from shared.domain.employee import Employee, Remote
from shared.domain.ids import account_id, record_id
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unavailable
from shared.systems import SYSTEMS

COMPANY = UUID(int=1)
HIDDEN = "Hidden"
"""What a system shows in place of a value that we may not see."""
FATES = (
    "ok",
    "refused",
    "stale",
    "lost after",
    "lost before",
    "hangs",
    "down",
    "limited",
    "unauthorized",
    "dies",
)
"""What may become of a call: the middle four leave its outcome unknown to us, and with the last the worker ends too."""

ENDS: dict[str, MusterError | None] = {
    "ok": None,
    "refused": Rejected("duplicate_name", field="display_name"),
    "unknown, made": Unavailable("x", outcome_unknown=True),
    "unknown, not made": Unavailable("x", outcome_unknown=True),
    "stale": Conflict("stale"),
    "down": Unavailable("x"),
    "limited": RateLimited("x", retry_after=1),
}
"""How one write of a batch may end, and the error that says so."""


@dataclass
class Person:
    """One record of a system. What is not in `values` the system does not say."""

    values: dict[str, Any]
    version: int = 1
    hidden: frozenset[str] = frozenset()
    readable: bool = True


@dataclass
class Wrote:
    """A write that a system carried out."""

    push_id: UUID
    remote_id: str
    values: dict[str, Any]
    current: Remote | None
    at: datetime


class Directory:
    """One of the two systems: numbers and addresses are unique, a stale write is refused, a key repeats its first answer."""

    def __init__(self, system: str, now: Callable[[], datetime], *, versions: str = "numbers") -> None:
        self.system, self.versions, self.now = system, versions, now
        self.account = account_id(COMPANY, system, "test", "1")
        self.people: dict[str, Person] = {}
        self.shown: dict[tuple[str, str], set[Any]] = defaultdict(set)
        self.journal: list[Wrote] = []
        self.hanging: dict[UUID, Sequence[Write]] = {}
        self.ends: dict[str, str] = {}
        """How each write of a person ends, by first name: one of `ENDS`, whatever becomes of the call."""
        self._received: dict[UUID, list[Written]] = {}
        self._born = 0

    def id(self, remote_id: str) -> UUID:
        return record_id(self.account, remote_id)

    def hire(self, values: dict[str, Any], *hidden: str) -> str:
        self._born += 1
        known = {f: v for f, v in values.items() if f in SYSTEMS[self.system].fields}
        self.people[str(self._born)] = Person(known, hidden=frozenset(hidden) & known.keys())
        return str(self._born)

    def edit(self, remote_id: str, **values: Any) -> None:
        person = self.people[remote_id]
        person.values |= {f: v for f, v in values.items() if f in SYSTEMS[self.system].fields}
        person.version += 1

    def taken(self, remote_id: str | None, values: dict[str, Any]) -> str | None:
        """The unique field of which somebody else has this value."""
        for name in ("number", "email"):
            others = {p.values.get(name) for i, p in self.people.items() if i != remote_id}
            if values.get(name) is not None and values[name] in others:
                return name
        return None

    def remote(self, remote_id: str) -> Remote | None:
        """A fresh read; `payload` is the version, which only this model looks at."""
        person = self.people.get(remote_id)
        if person is None:
            return None
        values = {f: HIDDEN if f in person.hidden else v for f, v in person.values.items()}
        for name, value in values.items():
            if name not in person.hidden:
                self.shown[remote_id, name].add(value)
        return Remote(
            remote_id=remote_id,
            version={"numbers": str(person.version), "tags": f"v{person.version}"}.get(self.versions),
            updated_at=None,
            employee=Employee(**values, masked=tuple(sorted(person.hidden))),
            payload=str(person.version),
        )

    def send(self, key: UUID, writes: Sequence[Write], fate: str = "ok") -> list[Written]:
        """Carry a call out, once a key."""
        if key not in self._received:
            self._received[key] = [self._write(w, fate) for w in writes]
        return self._received[key]

    def _write(self, write: Write, fate: str) -> Written:
        end = self.ends.get(str(write.fields.get("first_name")), "ok")
        if end == "unknown, made":
            self._carry_out(write, "ok")
        return Written(write.push_id, error=ENDS[end]) if end != "ok" else self._carry_out(write, fate)

    def _carry_out(self, write: Write, fate: str) -> Written:
        if fate == "refused":
            return Written(write.push_id, error=Rejected("refused"))
        remote_id = write.current.remote_id if write.current else None
        person = self.people.get(remote_id) if remote_id else None
        values = {
            f: v[:2] if f == "suffix" and isinstance(v, str) else v for f, v in write.fields.items()
        }  # its form
        if remote_id and person is None:
            return Written(write.push_id, error=Rejected("refused"))
        if person and (
            fate == "stale" or write.current is None or write.current.payload != str(person.version)
        ):
            return Written(write.push_id, error=Conflict("stale"))
        if name := self.taken(remote_id, values):
            return Written(write.push_id, error=Rejected(f"duplicate_{name}", field=name))
        if remote_id is None:
            remote_id = self.hire(values)
        else:
            self.edit(remote_id, **values)
        self.journal.append(
            Wrote(UUID(write.push_id), remote_id, dict(write.fields), write.current, self.now())
        )
        return Written(write.push_id, self.remote(remote_id))
