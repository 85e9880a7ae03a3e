"""A company's events for other programs: its log from any place on, as a page of JSON or as a stream."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query
from starlette.types import Send

from services.gateway.stream.live import Client, Live
from services.gateway.stream.sse import EventStream
from shared.backoff import backoff_seconds
from shared.contracts.feed import FeedPage
from shared.http.internal import Internal
from shared.http.problems import ProblemError

PAGE = 200
"""Events that are read at once for a stream."""
_LAST_ID = r"^[0-9]{1,18}$"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": (
            "A page of events; or, with `Accept: text/event-stream`, a stream of them without end, each with its `id`, "
            "its type as `event`, and the event as `data`. Send the last `id` back as `Last-Event-ID` after a break."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
Types = Annotated[list[str] | None, Query(alias="type", max_length=100)]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", pattern=_LAST_ID)]


def make_routes(live: Live, history: Internal, check: Any) -> APIRouter:
    """The events of one company; `check` is the dependency that gives the credential of one who may see them."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["events"])

    @routes.get("/events", response_model=FeedPage, responses=_RESPONSES)
    async def events(
        company: UUID,
        types: Types = None,
        after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        accept: Annotated[str, Header()] = "",
        last: LastEventId = None,
        credential: str = check,
    ) -> Any:
        """What happened in the company, in order: ids, codes and names of fields, never values.

        A page begins after `after`, or with the oldest event, and says in `next` where to go on. A stream begins after
        `Last-Event-ID`, else after `after`, else with what happens from now on; it leaves nothing out.
        """
        if "text/event-stream" not in accept:
            return await history.get("/feed", company=company, after=after, types=types, limit=limit)
        start = int(last) if last is not None else after
        if start is None:
            start = (await history.get("/feed", company=company, after=2**62, limit=1))["head"]
        write = partial(_write, live, history, company, types, start)
        return EventStream(live, company, None, credential, write)

    return routes


async def _write(
    live: Live,
    history: Internal,
    company: UUID,
    types: list[str] | None,
    place: int,
    client: Client,
    send: Send,
) -> None:
    """Send what stands after `place`, then wait for a hint that there is more; look again with each sign of life."""
    await _send(send, b"retry: 1000\nid: %d\n\n" % place)
    failures = 0
    while True:
        try:
            page = await history.get("/feed", company=company, after=place, types=types, limit=PAGE)
        except ProblemError:
            failures += 1
            await asyncio.sleep(backoff_seconds(failures, first=0.5, most=live.beat_seconds))
            await _send(send, b": waiting\n\n")
            continue
        failures = 0
        if page["items"]:
            await _send(send, b"".join(map(_frame, page["items"])))
        place = max(place, page["next"])
        if page["next"] < page["head"]:
            continue
        try:
            async with asyncio.timeout(live.beat_seconds):
                await client.queue.get()
        except TimeoutError:
            await _send(send, b": ping\nid: %d\n\n" % place)
        while not client.queue.empty():
            client.queue.get_nowait()


async def _send(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


def _frame(event: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event["id"], event["type"].encode(), orjson.dumps(event))
