"""Webhooks in: verified on the raw body, kept, and answered within milliseconds of that. What they say is only a hint.

They are taken before anything else of the public side, so that what nobody signed costs a hash and no transaction.
"""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.webhooks.known import Known
from services.gateway.webhooks.receiving import Receiver
from shared.http.app import MAX_BODY_BYTES
from shared.http.body import Room, whole_body
from shared.http.problems import ProblemError, answer_of, problem
from shared.systems import SYSTEMS

__all__ = ["Entrance", "Known", "Receiver"]
PREFIX = "/webhooks/"
ROOM_BYTES = 33_554_432
"""Of deliveries that are read or verified at the same time; senders repeat what is refused."""


class Entrance:
    """The layer that takes what comes to `/webhooks/…`; everything else goes on to `app`."""

    def __init__(self, app: ASGIApp, receiver: Receiver) -> None:
        self._app, self._receiver, self._room = app, receiver, Room(ROOM_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        except ProblemError as error:
            answer = answer_of(error)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        place = _place(scope["path"])
        if place is None:
            return problem("not-found", "There is no such thing here.")
        system, account = place
        pattern = PREFIX + system + ("" if account is None else "/{account}")
        scope["route"] = SimpleNamespace(path=pattern)
        if scope["method"] != "POST":
            return problem("method-not-allowed", "Webhooks are sent with POST.")
        if (refused := await self._receiver.refusal(system, account)) is not None:
            return refused
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        async with whole_body(scope, receive, MAX_BODY_BYTES, self._room) as body:
            return await self._receiver.answer(system, account, headers, body)


def _place(path: str) -> tuple[str, UUID | None] | None:
    """The system and the account of an address; None where there is none such."""
    name, _, rest = path.removeprefix(PREFIX).partition("/")
    system = SYSTEMS.get(name)
    if system is None or system.one_webhook != (rest == ""):
        return None
    try:
        return name, UUID(rest) if rest else None
    except ValueError:
        return None
