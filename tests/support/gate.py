"""A door before a sandbox: answers that fit are held back, already made, until they are let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from muster.ports import free_port
from tests.support.eventually import eventually

_HOP = {"content-length", "transfer-encoding", "connection", "host", "content-encoding", "accept-encoding"}


@dataclass
class Gate:
    """Passes everything on to `target`. `hold` says of which requests (method and address) the answer is late."""

    target: str
    hold: Callable[[str, str], bool] = lambda _method, _address: False
    held: int = 0
    url: str = ""
    _open: threading.Event = field(default_factory=threading.Event)

    def close(self, hold: Callable[[str, str], bool]) -> None:
        """Hold answers back from now on."""
        self._open.clear()
        self.held, self.hold = 0, hold

    def let_go(self) -> None:
        """Let all go that are held, and hold nothing more."""
        self.hold = lambda _method, _address: False
        self._open.set()

    async def holds(self, count: int = 1) -> None:
        """Wait until so many answers have been made and are held."""

        async def ask() -> bool:
            return self.held >= count

        await eventually(ask, within=60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        address = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        headers = [(k, v) for k, v in scope["headers"] if k.decode() not in _HOP]
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            answer = await client.request(
                scope["method"], self.target + address, headers=headers, content=body
            )
        if self.hold(scope["method"], address):
            self.held += 1
            await asyncio.to_thread(self._open.wait, 60)
        kept = [(k.encode(), v.encode()) for k, v in answer.headers.items() if k.lower() not in _HOP]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": answer.content})


@contextmanager
def gate(target: str) -> Iterator[Gate]:
    """A gate that listens, in a thread of its own."""
    made, port = Gate(target), free_port()
    made.url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(
        uvicorn.Config(made, port=port, log_config=None, access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield made
    finally:
        made.let_go()
        server.should_exit = True
        thread.join()
