"""The client for programs without asyncio. Made from asynchronous.py; a test compares them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel

from muster.client import calls
from muster.client.calls import AWAY_SECONDS, ENDED, STREAM_TIMEOUT, ApiError, Call, Calls, ImportMode, Lines
from shared.contracts.feed import FeedEvent
from shared.contracts.plans import PlanView
from shared.contracts.views import (
    CompanyView,
    Me,
    RecordDetail,
    RecordView,
    RunStarted,
    RunView,
    TimelineEntry,
)
from shared.domain.values import Status

__all__ = ["ApiError", "Client", "Company"]
M = TypeVar("M", bound=BaseModel)


class Client:
    """Muster's API with an API key, or for one person who signs in.

    One that is away for a moment is waited for, at most `patience` seconds; then, and for every problem that the API
    answers, `ApiError` is raised.
    """

    def __init__(self, base_url: str, patience: float = AWAY_SECONDS, *, key: str | None = None) -> None:
        self._patience = patience
        self._http = httpx.Client(
            base_url=base_url, timeout=20, trust_env=False, headers=calls.authorisation(key)
        )

    def __enter__(self) -> Self:
        """Close it with `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Give the connections back."""
        self._http.close()

    def company(self, company: UUID | str) -> Company:
        """One company."""
        return Company(self, Calls(company))

    def me(self) -> Me:
        """Who is signed in, and what they may do where."""
        return self.send(calls.me())

    def sign_in(self, email: str, password: str) -> None:
        """Start a session; its cookie is kept."""
        self.call("POST", "/v1/session", json={"email": email, "password": password})

    def session(self) -> dict[str, str]:
        """The header that carries the session, for a caller that makes its own requests."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())}

    def send(self, call: Call[M]) -> M:
        """The answer to one call."""
        return call.answer.model_validate(self._repeat(call.method, call.path, **call.arguments()))

    def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> Any:
        """The JSON answer of any path. `key` is an idempotency key: with it a write is safe to repeat."""
        return self._repeat(method, path, headers={"Idempotency-Key": key} if key else {}, **more)

    def _repeat(self, method: str, path: str, **more: Any) -> Any:
        give_up = time.monotonic() + self._patience
        tries = 0
        while True:
            try:
                response = self._http.request(method, path, **more)
            except httpx.TransportError:
                response = None
            tries += 1
            seconds = calls.pause(response, tries)
            if response is not None and seconds is None:
                return calls.read(response)
            wait = seconds or 0.0
            if time.monotonic() + wait > give_up:
                raise calls.away() if response is None else calls.problem(response)
            time.sleep(wait)

    def listen(self, path: str, types: Collection[str] | None, after: int | None) -> Iterator[FeedEvent]:
        """A company's events without end. After a break it goes on where it was."""
        lines, tries = Lines(after), 0
        give_up = time.monotonic() + self._patience
        while True:
            try:
                with self._http.stream(
                    "GET",
                    path,
                    params={"type": list(types or ())},
                    headers=lines.headers(),
                    timeout=STREAM_TIMEOUT,
                ) as response:
                    if calls.pause(response, 1) is None:
                        if not response.is_success:
                            response.read()
                            calls.read(response)
                        for line in response.iter_lines():
                            tries, give_up = 0, time.monotonic() + self._patience
                            yield from lines.add(line)
            except httpx.TransportError:
                pass
            tries += 1
            if time.monotonic() > give_up:
                raise calls.away()
            time.sleep(calls.pause(None, tries) or 0)


class Company:
    """One company: its records, its runs and its events."""

    def __init__(self, client: Client, company: Calls) -> None:
        self._client, self._calls = client, company

    def settings(self) -> CompanyView:
        """Its settings: accounts, the route between them, and rules."""
        return self._client.send(self._calls.settings())

    def records(
        self, *, status: Collection[Status] | None = None, q: str | None = None
    ) -> Iterator[RecordView]:
        """All records with one of these statuses that match a search, page after page."""
        after: str | None = None
        while True:
            page = self._client.send(self._calls.records(status, q, after, 500))
            yield from page.items
            if page.next is None:
                return
            after = page.next

    def record(self, record: UUID | str) -> RecordDetail:
        """One record with both sides' values."""
        return self._client.send(self._calls.record(record))

    def timeline(self, record: UUID | str) -> Iterator[TimelineEntry]:
        """What happened to a record, newest first, page after page."""
        after: str | None = None
        while True:
            page = self._client.send(self._calls.timeline(record, after))
            yield from page.items
            if page.next is None:
                return
            after = page.next

    def runs(self) -> Iterator[RunView]:
        """Imports and syncs, newest first, page after page."""
        after: str | None = None
        while True:
            page = self._client.send(self._calls.runs(after))
            yield from page.items
            if page.next is None:
                return
            after = page.next

    def run(self, run: UUID | str) -> RunView:
        """One import or sync."""
        return self._client.send(self._calls.run(run))

    def start_import(
        self, mode: ImportMode = "new", *, remote_ids: Collection[str] | None = None
    ) -> RunStarted:
        """Read the source into staging: what is new, everything, or the `selected` records."""
        return self._client.send(self._calls.start_import(mode, remote_ids))

    def start_sync(
        self,
        record_ids: Collection[UUID | str] | None = None,
        *,
        status: Collection[Status] | None = None,
        q: str | None = None,
    ) -> RunStarted:
        """Push these records to the destination, or everything that matches: as few as the company's rules allow."""
        return self._client.send(self._calls.start_sync(record_ids, status, q))

    def make_plan(
        self,
        record_ids: Collection[UUID | str] | None = None,
        *,
        status: Collection[Status] | None = None,
        q: str | None = None,
        seconds: float = 600,
        every: float = 0.5,
    ) -> PlanView:
        """What pushing these records, or everything that matches, would write. Raises `TimeoutError`."""
        give_up = time.monotonic() + seconds
        made = self._client.send(self._calls.make_plan(record_ids, status, q))
        while not (found := self._client.send(self._calls.plan(made.plan_id))).ready:
            if time.monotonic() > give_up:
                raise TimeoutError(f"the plan was not made within {seconds} seconds")
            time.sleep(every)
        return found

    def apply_plan(self, plan: PlanView) -> RunStarted:
        """Write exactly what this plan holds. One that the safety limits hold waits for a person: `ApiError`."""
        return self._client.send(self._calls.apply_plan(plan))

    def wait_for(self, run: UUID | str, *, seconds: float = 600, every: float = 0.5) -> RunView:
        """The run once it has ended. Raises `TimeoutError`."""
        give_up = time.monotonic() + seconds
        while (found := self.run(run)).state not in ENDED:
            if time.monotonic() > give_up:
                raise TimeoutError(f"the run has not ended within {seconds} seconds")
            time.sleep(every)
        return found

    def past_events(self, *, types: Collection[str] | None = None, after: int = 0) -> Iterator[FeedEvent]:
        """The events after one of them up to now, page after page."""
        while True:
            page = self._client.send(self._calls.events(types, after, 500))
            yield from page.items
            after = page.next
            if after >= page.head:
                return

    def events(
        self, *, types: Collection[str] | None = None, after: int | None = None
    ) -> Iterator[FeedEvent]:
        """The events after one of them, or from now on, as they happen and without end. Keep the last `id` to go on."""
        return self._client.listen(f"{self._calls.path}/events", types, after)
