"""Transport errors and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from shared.connectors import client
from shared.connectors.client import MAX_ANSWER_BYTES, Http
from shared.errors import Unavailable


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (httpx.ConnectError("x"), False),
        (httpx.ConnectTimeout("x"), False),
        (httpx.PoolTimeout("x"), False),
        (httpx.ReadTimeout("x"), True),
        (httpx.WriteTimeout("x"), True),
        (httpx.ReadError("x"), True),
        (httpx.WriteError("x"), True),
        (httpx.RemoteProtocolError("x"), True),
        (httpx.DecodingError("x"), True),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("writes", [True, False])
async def test_only_a_write_that_may_have_left_is_of_unknown_outcome(
    error: httpx.RequestError, unknown: bool, writes: bool
) -> None:
    async def fail(request: httpx.Request) -> httpx.Response:
        raise error

    http = Http("linarc", "https://remote.test", httpx.MockTransport(fail))
    with pytest.raises(Unavailable) as caught:
        await http.call("write", "POST", "/", writes=writes, headers={})
    assert caught.value.outcome_unknown is (unknown and writes)


class Drip(httpx.AsyncByteStream):
    """An answer without an end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536


async def test_an_answer_without_end_is_cut_off() -> None:
    sent = httpx.MockTransport(lambda _: httpx.Response(200, stream=Drip()))
    with pytest.raises(Unavailable) as caught:
        await Http("linarc", "https://remote.test", sent).call("x", "POST", "/", writes=True, headers={})
    assert caught.value.outcome_unknown


async def test_the_largest_answer_allowed_comes_through() -> None:
    sent = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * MAX_ANSWER_BYTES))
    answer = await Http("linarc", "https://remote.test", sent).call("x", "GET", "/", headers={})
    assert len(answer.content) == MAX_ANSWER_BYTES


async def test_a_call_ends_in_time_whatever_the_remote_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            import asyncio  # noqa: PLC0415

            while True:
                await asyncio.sleep(0.01)
                yield b"."

    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.05)
    sent = httpx.MockTransport(lambda _: httpx.Response(200, stream=Slow()))
    with pytest.raises(Unavailable) as caught:
        await Http("linarc", "https://remote.test", sent).call("x", "POST", "/", writes=True, headers={})
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(status, headers={"Location": "https://evil.test/"})

    http = Http("linarc", "https://remote.test", httpx.MockTransport(answer))
    found = await http.call("x", "POST", "/", headers={"Authorization": "Bearer k"}, auth=("id", "secret"))
    assert (found.status, asked) == (status, ["https://remote.test/"])
