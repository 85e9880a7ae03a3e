"""Request bodies, read whole before anything is done with them: of so many bytes, and of strangers together so many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from shared.http.problems import ProblemError


class Room:
    """Bytes that this process holds, at the same time, of those about whom it knows nothing yet."""

    def __init__(self, most: int) -> None:
        self.free = most

    def take(self, count: int) -> None:
        """Hold so many more. Raises `unavailable` when there is no room for them."""
        if count > self.free:
            raise ProblemError("unavailable", "Send this again in a few seconds.")
        self.free -= count

    def give_back(self, count: int) -> None:
        """They are held no more."""
        self.free += count


@asynccontextmanager
async def whole_body(
    scope: Scope, receive: Receive, most: int, room: Room | None = None
) -> AsyncIterator[bytes]:
    """The body, which takes up `room` as it comes, and until the block ends.

    Half of one is never handled as if it were whole: raises `ClientDisconnect`; and `too-large`, before it is read where
    its length is said.
    """
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if said.isdigit() and int(said[:20]) > most:
        raise _too_large(most)
    body = bytearray()
    taken = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece: bytes = message.get("body", b"")
            if len(body) + len(piece) > most:
                raise _too_large(most)
            if room is not None:
                room.take(len(piece))
                taken += len(piece)
            body += piece
            if not message.get("more_body", False):
                break
        yield bytes(body)
    finally:
        if room is not None:
            room.give_back(taken)


def _too_large(most: int) -> ProblemError:
    return ProblemError("too-large", f"A body has at most {most} bytes.")
