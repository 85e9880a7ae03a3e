"""Hints for open pages: what moved, never rows."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from starlette.types import Send

from services.gateway.stream.live import Client, Live
from services.gateway.stream.sse import EventStream

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": (
            'Server-sent events. `changed`: `{"records": [ids] | null, "runs": [ids], "counts": true}`; null says that '
            "many records moved. `resync`: what was missed is not known, so everything shown is to be fetched again. "
            "Each has an id; sent back as `Last-Event-ID` after a break, to any copy of gateway, it brings what was missed."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


async def _write(live: Live, client: Client, send: Send) -> None:
    loop = asyncio.get_running_loop()
    piece, beat_at = b"retry: 1000\n\n", loop.time() + live.beat_seconds
    while True:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if loop.time() < beat_at:
            try:
                async with asyncio.timeout_at(beat_at):
                    piece = await client.queue.get()
                continue
            except TimeoutError:
                pass
        piece, beat_at = live.beat(client), loop.time() + live.beat_seconds


def make_routes(live: Live, check: Any) -> APIRouter:
    """The stream of one company; `check` is the dependency that gives the credential of one who may see it."""
    routes = APIRouter(prefix="/v1/companies/{company}", tags=["stream"])

    @routes.get("/stream", status_code=200, response_class=EventStream, responses=_RESPONSES)
    async def stream(
        company: UUID,
        last: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
        credential: str = check,
    ) -> Any:
        """What moves, as it moves, as server-sent events: `changed`, and `resync` when too much was missed."""
        return EventStream(live, company, last, credential, partial(_write, live))

    return routes
