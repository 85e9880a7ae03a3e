"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
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

__all__ = ["ApiError", "AsyncClient", "AsyncCompany"]
M = TypeVar("M", bound=BaseModel)


class AsyncClient:
    """Muster's API with an API key, or for one person who signs in.

    One that is away for a moment is waited for, at most `patience` seconds; then, and for every problem that the API
    answers, `ApiError` is raised.
    """

    def __init__(self, base_url: str, patience: float = AWAY_SECONDS, *, key: str | None = None) -> None:
        self._patience = patience
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=20, trust_env=False, headers=calls.authorisation(key)
        )

    async def __aenter__(self) -> Self:
        """Close it with `async with`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Give the connections back."""
        await self._http.aclose()

    def company(self, company: UUID | str) -> AsyncCompany:
        """One company."""
        return AsyncCompany(self, Calls(company))

    async def me(self) -> Me:
        """Who is signed in, and what they may do where."""
        return await self.send(calls.me())

    async def sign_in(self, email: str, password: str) -> None:
        """Start a session; its cookie is kept."""
        await self.call("POST", "/v1/session", json={"email": email, "password": password})

    def session(self) -> dict[str, str]:
        """The header that carries the session, for a caller that makes its own requests."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())}

    async def send(self, call: Call[M]) -> M:
        """The answer to one call."""
        return call.answer.model_validate(await self._repeat(call.method, call.path, **call.arguments()))

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> Any:
        """The JSON answer of any path. `key` is an idempotency key: with it a write is safe to repeat."""
        return await self._repeat(method, path, headers={"Idempotency-Key": key} if key else {}, **more)

    async def _repeat(self, method: str, path: str, **more: Any) -> Any:
        give_up = asyncio.get_running_loop().time() + self._patience
        tries = 0
        while True:
            try:
                response = await self._http.request(method, path, **more)
            except httpx.TransportError:
                response = None
            tries += 1
            seconds = calls.pause(response, tries)
            if response is not None and seconds is None:
                return calls.read(response)
            wait = seconds or 0.0
            if asyncio.get_running_loop().time() + wait > give_up:
                raise calls.away() if response is None else calls.problem(response)
            await asyncio.sleep(wait)

    async def listen(
        self, path: str, types: Collection[str] | None, after: int | None
    ) -> AsyncIterator[FeedEvent]:
        """A company's events without end. After a break it goes on where it was."""
        lines, tries = Lines(after), 0
        give_up = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                async with self._http.stream(
                    "GET",
                    path,
                    params={"type": list(types or ())},
                    headers=lines.headers(),
                    timeout=STREAM_TIMEOUT,
                ) as response:
                    if calls.pause(response, 1) is None:
                        if not response.is_success:
                            await response.aread()
                            calls.read(response)
                        async for line in response.aiter_lines():
                            tries, give_up = 0, asyncio.get_running_loop().time() + self._patience
                            for event in lines.add(line):
                                yield event
            except httpx.TransportError:
                pass
            tries += 1
            if asyncio.get_running_loop().time() > give_up:
                raise calls.away()
            await asyncio.sleep(calls.pause(None, tries) or 0)


class AsyncCompany:
    """One company: its records, its runs and its events."""

    def __init__(self, client: AsyncClient, company: Calls) -> None:
        self._client, self._calls = client, company

    async def settings(self) -> CompanyView:
        """Its settings: accounts, the route between them, and rules."""
        return await self._client.send(self._calls.settings())

    async def records(
        self, *, status: Collection[Status] | None = None, q: str | None = None
    ) -> AsyncIterator[RecordView]:
        """All records with one of these statuses that match a search, page after page."""
        after: str | None = None
        while True:
            page = await self._client.send(self._calls.records(status, q, after, 500))
            for record in page.items:
                yield record
            if page.next is None:
                return
            after = page.next

    async def record(self, record: UUID | str) -> RecordDetail:
        """One record with both sides' values."""
        return await self._client.send(self._calls.record(record))

    async def timeline(self, record: UUID | str) -> AsyncIterator[TimelineEntry]:
        """What happened to a record, newest first, page after page."""
        after: str | None = None
        while True:
            page = await self._client.send(self._calls.timeline(record, after))
            for entry in page.items:
                yield entry
            if page.next is None:
                return
            after = page.next

    async def runs(self) -> AsyncIterator[RunView]:
        """Imports and syncs, newest first, page after page."""
        after: str | None = None
        while True:
            page = await self._client.send(self._calls.runs(after))
            for run in page.items:
                yield run
            if page.next is None:
                return
            after = page.next

    async def run(self, run: UUID | str) -> RunView:
        """One import or sync."""
        return await self._client.send(self._calls.run(run))

    async def start_import(
        self, mode: ImportMode = "new", *, remote_ids: Collection[str] | None = None
    ) -> RunStarted:
        """Read the source into staging: what is new, everything, or the `selected` records."""
        return await self._client.send(self._calls.start_import(mode, remote_ids))

    async def start_sync(
        self,
        record_ids: Collection[UUID | str] | None = None,
        *,
        status: Collection[Status] | None = None,
        q: str | None = None,
    ) -> RunStarted:
        """Push these records to the destination, or everything that matches: as few as the company's rules allow."""
        return await self._client.send(self._calls.start_sync(record_ids, status, q))

    async def make_plan(
        self,
        record_ids: Collection[UUID | str] | None = None,
        *,
        status: Collection[Status] | None = None,
        q: str | None = None,
        seconds: float = 600,
        every: float = 0.5,
    ) -> PlanView:
        """What pushing these records, or everything that matches, would write. Raises `TimeoutError`."""
        give_up = asyncio.get_running_loop().time() + seconds
        made = await self._client.send(self._calls.make_plan(record_ids, status, q))
        while not (found := await self._client.send(self._calls.plan(made.plan_id))).ready:
            if asyncio.get_running_loop().time() > give_up:
                raise TimeoutError(f"the plan was not made within {seconds} seconds")
            await asyncio.sleep(every)
        return found

    async def apply_plan(self, plan: PlanView) -> RunStarted:
        """Write exactly what this plan holds. One that the safety limits hold waits for a person: `ApiError`."""
        return await self._client.send(self._calls.apply_plan(plan))

    async def wait_for(self, run: UUID | str, *, seconds: float = 600, every: float = 0.5) -> RunView:
        """The run once it has ended. Raises `TimeoutError`."""
        give_up = asyncio.get_running_loop().time() + seconds
        while (found := await self.run(run)).state not in ENDED:
            if asyncio.get_running_loop().time() > give_up:
                raise TimeoutError(f"the run has not ended within {seconds} seconds")
            await asyncio.sleep(every)
        return found

    async def past_events(
        self, *, types: Collection[str] | None = None, after: int = 0
    ) -> AsyncIterator[FeedEvent]:
        """The events after one of them up to now, page after page."""
        while True:
            page = await self._client.send(self._calls.events(types, after, 500))
            for event in page.items:
                yield event
            after = page.next
            if after >= page.head:
                return

    def events(
        self, *, types: Collection[str] | None = None, after: int | None = None
    ) -> AsyncIterator[FeedEvent]:
        """The events after one of them, or from now on, as they happen and without end. Keep the last `id` to go on."""
        return self._client.listen(f"{self._calls.path}/events", types, after)
