"""The time limits of a connection, which uvicorn does not have: slow requests are ended, and there are only so many."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.settings import HttpSettings


def guarded(settings: HttpSettings) -> type[HttpToolsProtocol]:
    """uvicorn's protocol with these limits."""

    class Guarded(HttpToolsProtocol):
        """One connection. The time for a request's head begins when the connection does, or the next request."""

        waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > settings.connections:
                transport.abort()
            else:
                self._end_after(settings.header_seconds)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._end_after(settings.header_seconds)

        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            self._end_after(settings.body_seconds)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._cancel()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def _end_after(self, seconds: float) -> None:
            self._cancel()
            self.waiting = self.loop.call_later(seconds, self.transport.abort)

        def _cancel(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

    return Guarded
