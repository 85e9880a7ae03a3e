"""Server-sent events: an answer that lasts until its reader leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.gateway.stream.live import Client, Live
from shared.http.problems import ProblemError, answer_of

LAST_WORD_SECONDS = 1.0
"""For one that does not read; then its connection is cut."""
Write = Callable[[Client, Send], Awaitable[None]]
"""Sends to one reader what it is to see, without end."""


class EventStream(StreamingResponse):
    """A reader's events until it leaves, may not see them any more, does not read them, or the process ends."""

    media_type = "text/event-stream"

    def __init__(self, live: Live, company: UUID, last: str | None, credential: str, write: Write) -> None:
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._live, self._company, self._last, self._credential = live, company, last, credential
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The stream, or `too-many` where the reader, or the company, has as many as it may."""
        try:
            client = self._live.join(self._company, self._last, self._credential)
        except ProblemError as error:
            await answer_of(error)(scope, receive, send)
            return
        self._client = client
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._live.leave(client)

    async def stream_response(self, send: Send) -> None:
        """Called by Starlette, which cancels it when the reader leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        client = self._client
        tasks = [
            asyncio.ensure_future(self._write(client, send)),
            asyncio.ensure_future(client.over.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        if tasks[0].done() and not tasks[0].cancelled():
            tasks[0].result()
