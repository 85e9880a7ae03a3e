"""Webhooks: events kept until delivered, in signed bodies, with a ladder of retries on a clock that may run faster."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx

from sandbox.faults import WEBHOOK, Faults
from sandbox.store import Store

Kind = Literal["created", "updated", "deleted", "merged"]
ANSWER_SECONDS = 3.0
REORDER_SECONDS = 1.0
ANYWHERE = "*"

ADD = """INSERT INTO hook_events(event_id, target, scope, remote_id, kind, at, due, detail)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
DUE = """SELECT n, event_id, scope, remote_id, kind, at, detail FROM hook_events
    WHERE target = ? AND due <= ? ORDER BY n LIMIT ?"""
DELIVER = "INSERT INTO hook_deliveries(target, body, tries, due) VALUES (?, ?, 0, ?)"
HEAD = """SELECT n, body, tries, due FROM hook_deliveries WHERE target = ?1 AND (?2 OR due <= ?3)
    ORDER BY n LIMIT 1"""
WAIT = """SELECT min(due) FROM (SELECT min(due) AS due FROM hook_events
    UNION ALL SELECT min(due) FROM hook_deliveries)"""
PENDING = "SELECT (SELECT count(*) FROM hook_events), (SELECT count(*) FROM hook_deliveries)"
FORGET = ("DELETE FROM hook_events WHERE target = ?", "DELETE FROM hook_deliveries WHERE target = ?")


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to one person; `at` in microseconds."""

    event_id: str
    scope: str
    remote_id: str
    kind: Kind
    at: int
    detail: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where bodies go, and what they are signed with."""

    url: str
    secret: str


class Shape(Protocol):
    """How one system announces events."""

    shared: bool
    """One address for all realms, or one for each tenant."""
    most: int
    """Events in one body."""
    ladder: Sequence[float]
    """Seconds until each further try; the last one goes on for ever."""

    def secret(self) -> str:
        """A new secret."""

    def valid(self, secret: str) -> bool:
        """Whether bodies can be signed with this secret."""

    def body(self, events: Sequence[Event]) -> bytes:
        """What is sent."""

    def headers(self, body: bytes, delivery: str, secret: str) -> Mapping[str, str]:
        """The headers of one try, with its signature."""

    def accepted(self, status: int) -> bool:
        """Whether this answer ends a delivery."""


class Hooks:
    """The sender of one sandbox. `note` belongs into the transaction of the write that it announces."""

    def __init__(self, store: Store, faults: Faults, shape: Shape) -> None:
        self._store = store
        self._faults = faults
        self._shape = shape
        self._targets = {name: Target(**found) for name, found in store.setting("webhooks").items()}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.scale: Callable[[], float] = lambda: 1.0
        self.hold_back: Callable[[], bool] = lambda: True
        self.gather_seconds: Callable[[], float] = lambda: 0.0
        self.sent = 0
        self.refused = 0
        self.lost = 0

    def register(self, scope: str, url: str, secret: str | None) -> Target:
        """Send what happens from now on to this address."""
        target = Target(url, secret or self._shape.secret())
        self._targets[self._name(scope)] = target
        self._keep()
        return target

    def forget(self, scope: str) -> None:
        """Send nothing any more, not even what waits."""
        self._targets.pop(self._name(scope), None)
        for statement in FORGET:
            self._store.db.execute(statement, (self._name(scope),))
        self._keep()

    def _keep(self) -> None:
        known = {name: {"url": t.url, "secret": t.secret} for name, t in self._targets.items()}
        self._store.keep_setting("webhooks", known)

    def _name(self, scope: str) -> str:
        return ANYWHERE if self._shape.shared else scope

    def target(self, scope: str) -> Target | None:
        return self._targets.get(self._name(scope))

    def show(self, scope: str) -> dict[str, Any]:
        target = self.target(scope)
        events, deliveries = self._store.db.execute(PENDING).fetchone()
        return {
            "url": target.url if target else None,
            "waiting": events + deliveries,
            "delivered": self.sent,
            "refused": self.refused,
            "lost": self.lost,
        }

    def note(self, scope: str, remote_id: str, kind: Kind, detail: str = "") -> None:
        """Announce one event, unless nobody wants it or a fault rule loses it."""
        if not self._targets or self._name(scope) not in self._targets:
            return
        now = self._store.now()
        rule = self._faults.find(WEBHOOK, scope, remote_id)
        action = rule.action if rule else None
        if action == "lose":
            self.lost += 1
            return
        due = now + self._micros(self.gather_seconds())
        if rule is not None and action == "delay":
            due += self._micros(rule.seconds)
        elif rule is not None and action == "reorder":
            due += round((rule.seconds or REORDER_SECONDS) * 1_000_000)
        event = (
            str(uuid.UUID(int=secrets.randbits(128), version=4)),
            self._name(scope),
            scope,
            remote_id,
            kind,
            now,
        )
        self._store.db.execute(ADD, (*event, due, detail))
        if action == "duplicate":
            self._store.db.execute(ADD, (*event, due + 200_000, detail))
        self.wake()

    def _micros(self, seconds: float) -> int:
        """Real microseconds of so many seconds on the scaled clock."""
        return round(seconds * 1_000_000 / max(self.scale(), 1e-6))

    def wake(self) -> None:
        """Have the sender look again; it starts with the first news."""
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as http:
            while True:
                self._news.clear()
                rounds = [await self._round(http, name) for name in list(self._targets)]
                if not any(rounds):
                    await self._pause()

    async def _pause(self) -> None:
        found = self._store.db.execute(WAIT).fetchone()[0]
        seconds = None if found is None else max(0.01, (found - self._store.now()) / 1_000_000)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def _round(self, http: httpx.AsyncClient, name: str) -> bool:
        """Make a body of what is due, and send the first that may go. Whether anything was done."""
        self._gather(name)
        now = self._store.now()
        head = self._store.db.execute(HEAD, (name, self.hold_back(), now)).fetchone()
        if head is None or head[3] > now:
            return False
        number, body, tries, _ = head
        target = self._targets[name]
        good = await self._send(http, target, body, f"msg_{number}")
        if good:
            self.sent += 1
            self._store.db.execute("DELETE FROM hook_deliveries WHERE n = ?", (number,))
        else:
            self.refused += 1
            due = self._store.now() + self._micros(
                self._shape.ladder[min(tries, len(self._shape.ladder) - 1)]
            )
            self._store.db.execute(
                "UPDATE hook_deliveries SET tries = tries + 1, due = ? WHERE n = ?", (due, number)
            )
        return True

    def _gather(self, name: str) -> None:
        """Once an event is due, those that nearly are go with it."""
        now = self._store.now()
        if not self._store.db.execute(DUE, (name, now, 1)).fetchall():
            return
        soon = now + self._micros(self.gather_seconds())
        rows = self._store.db.execute(DUE, (name, soon, self._shape.most)).fetchall()
        body = self._shape.body([Event(*row[1:]) for row in rows])
        with self._store.transaction():
            self._store.db.executemany("DELETE FROM hook_events WHERE n = ?", [(row[0],) for row in rows])
            self._store.db.execute(DELIVER, (name, body, now))

    async def _send(self, http: httpx.AsyncClient, target: Target, body: bytes, delivery: str) -> bool:
        headers = self._shape.headers(body, delivery, target.secret)
        try:
            answer = await http.post(target.url, content=body, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return self._shape.accepted(answer.status_code)
