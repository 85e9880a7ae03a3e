"""Bodies of requests: so long, whole, and of strangers together so many bytes."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from shared.http.body import Room, whole_body
from shared.http.problems import ProblemError


class Sent:
    """What a client sends, piece by piece, and how much of it was asked for."""

    def __init__(self, *pieces: bytes, length: int | None = None, leaves: bool = False) -> None:
        said = [(b"content-length", str(length).encode())] if length is not None else []
        self.scope: dict[str, Any] = {"headers": said}
        self._pieces, self._leaves, self.asked = list(pieces), leaves, 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if self._leaves and not self._pieces:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or self._leaves}


async def test_a_body_comes_whole_or_not_at_all() -> None:
    sent = Sent(b"ab", b"cd")
    async with whole_body(sent.scope, sent.receive, 4) as body:
        assert body == b"abcd"
    half = Sent(b"ab", leaves=True)
    with pytest.raises(ClientDisconnect):
        async with whole_body(half.scope, half.receive, 4):
            pass


@pytest.mark.parametrize(("sent", "asked"), [(Sent(b"abc", b"de", b"f"), 2), (Sent(b"abcde", length=5), 0)])
async def test_one_that_is_too_long_is_read_no_further(sent: Sent, asked: int) -> None:
    with pytest.raises(ProblemError) as refused:
        async with whole_body(sent.scope, sent.receive, 4):
            pass
    assert (refused.value.kind, sent.asked) == ("too-large", asked)


async def test_all_together_take_up_only_so_much_room_and_give_it_back() -> None:
    room, first, second = Room(6), Sent(b"abcd"), Sent(b"ab", b"c")
    async with whole_body(first.scope, first.receive, 4, room):
        with pytest.raises(ProblemError) as refused:
            async with whole_body(second.scope, second.receive, 4, room):
                pass
        assert (refused.value.kind, room.free) == ("unavailable", 2)
    assert room.free == 6
    half = Sent(b"ab", leaves=True)
    with pytest.raises(ClientDisconnect):
        async with whole_body(half.scope, half.receive, 4, room):
            pass
    assert room.free == 6
