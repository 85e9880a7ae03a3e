"""Answers that are safe to ask for again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Header, Request

from services.gateway.api.common import Deps
from services.gateway.core import request_hash
from services.gateway.store import requests
from shared.db.tx import Tx
from shared.http.problems import ProblemError

IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=200, pattern=r"^[!-~][ -~]*$")
]


async def answered(deps: Deps, request: Request, company: UUID, key: str | None) -> dict[str, Any] | None:
    """What this request was answered before, where it comes again with its idempotency key."""
    if key is None:
        return None
    body = await request.body()
    async with deps.database.transaction([company]) as tx:
        return await _answered(tx, company, key, request_hash(request.method, request.url.path, body))


async def _answered(tx: Tx, company: UUID, key: str, asked: bytes) -> dict[str, Any] | None:
    known = await requests.saved_answer(tx, company, key)
    if known is None:
        return None
    if bytes(known["request_hash"]) != asked:
        raise ProblemError(
            "key-reused", "This Idempotency-Key was used for a different request. Send a new one."
        )
    answer: dict[str, Any] = orjson.loads(known["answer"])
    return answer


async def once(
    deps: Deps,
    request: Request,
    company: UUID,
    key: str | None,
    act: Callable[[Tx], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Do it in one transaction; with an idempotency key, do it once and give the same answer again for a day."""
    asked = request_hash(request.method, request.url.path, await request.body())
    async with deps.database.transaction([company]) as tx:
        if key is not None and (known := await _answered(tx, company, key, asked)) is not None:
            return known
        answer = await act(tx)
        if key is not None:
            await requests.save_answer(tx, company, key, asked, answer)
        return answer
