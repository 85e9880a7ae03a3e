"""The admin calls of both sandboxes: journal, raw rows, seeding, and edits by hand."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from sqlite3 import IntegrityError, ProgrammingError
from typing import Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from sandbox import control
from sandbox.control import answer, body_of
from sandbox.state import Sandbox, seed
from sandbox.store import Entry, Row

MOST = 10_000
UNUSABLE = (AttributeError, KeyError, TypeError, ValueError, ProgrammingError)
"""What people of another shape come to."""


def edit(sandbox: Sandbox, scope: str, row: Row, changes: dict[str, Any]) -> Row:
    """A person changed by hand. Raises IntegrityError when a number, name or e-mail is somebody else's."""
    changed = sandbox.wire.edited(scope, row, changes, sandbox.store.now())
    with sandbox.store.transaction():
        sandbox.store.update(scope, changed)
        sandbox.changed(scope, row, changed)
        remote_id = sandbox.wire.remote_id(row.num)
        sandbox.store.record(scope, Entry("hand_edit", "applied", remote_id, body=orjson.dumps(changes)))
    return changed


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise HTTPException(422, f"{name} must be a whole number")
    return int(text[:18])


def make_admin(
    sandbox: Sandbox,
    token: str,
    own: Sequence[APIRouter] = (),
    after_reset: Callable[[], None] = lambda: None,
) -> APIRouter:
    """The routes below /admin; `own` are those that only one sandbox has."""

    def guard(request: Request) -> None:
        if token and not hmac.compare_digest(
            request.headers.get("x-sandbox-admin", "").encode(), token.encode()
        ):
            raise HTTPException(403, "X-Sandbox-Admin is missing or wrong")

    router = APIRouter(prefix="/admin", dependencies=[Depends(guard)])

    def scope_of(request: Request) -> str:
        scope = control.scope_of(sandbox, request)
        other = request.query_params.get("list")
        if other is not None and other not in sandbox.lists:
            raise HTTPException(404, f"no list {other}")
        return scope + (f"/{other}" if other else "")

    def row_of(scope: str, remote_id: str) -> Row:
        num = sandbox.wire.num(remote_id)
        row = sandbox.store.get(scope, num) if num is not None else None
        if row is None:
            raise HTTPException(404, "no such employee")
        return row

    def page_of(request: Request) -> int:
        return min(_whole(request.query_params.get("limit", "1000"), "limit"), MOST)

    async def journal(request: Request) -> Response:
        after = _whole(request.query_params.get("after", "0"), "after")
        return answer({"entries": sandbox.store.journal(after, page_of(request))})

    async def employees(request: Request) -> Response:
        after_id = request.query_params.get("after_id", "")
        after = (sandbox.wire.num(after_id) or 0) if after_id else 0
        limit = page_of(request)
        rows = sandbox.store.after(scope_of(request), after, limit)
        following = sandbox.wire.remote_id(rows[-1].num) if len(rows) == limit and rows else None
        return answer({"employees": [orjson.Fragment(row.data) for row in rows], "next_after_id": following})

    async def counts(request: Request) -> Response:
        return answer({**sandbox.store.counts(), "calls": dict(sandbox.calls)})

    async def reset(request: Request) -> Response:
        every = not {"scope", "realm", "tenant"} & set(request.query_params)
        sandbox.store.reset(None if every else scope_of(request))
        sandbox.faults.set([])
        sandbox.calls.clear()
        after_reset()
        return answer({"reset": True})

    async def seed_call(request: Request) -> Response:
        people = (await body_of(request)).get("employees")
        if not isinstance(people, list):
            raise HTTPException(422, 'give {"employees": […]}')
        try:
            ids = seed(sandbox, ((scope_of(request), employee) for employee in people))
        except IntegrityError as clash:
            raise HTTPException(409, f"a seeded employee clashes with another: {clash}") from clash
        except UNUSABLE as wrong:
            raise HTTPException(422, "an employee cannot be stored in this form") from wrong
        return answer({"seeded": len(ids), "ids": ids})

    async def change(request: Request, remote_id: str) -> Response:
        scope = scope_of(request)
        row, changes = row_of(scope, remote_id), await body_of(request)
        try:
            changed = edit(sandbox, scope, row, changes)
        except IntegrityError as clash:
            raise HTTPException(409, f"the edit clashes with another employee: {clash}") from clash
        except UNUSABLE as wrong:
            raise HTTPException(422, "the employee cannot be stored in this form") from wrong
        return Response(changed.data, media_type="application/json")

    async def remove(request: Request, remote_id: str) -> Response:
        """Take a person away, merged into another if `into` says so: the id is gone for good."""
        scope, into = scope_of(request), request.query_params.get("into")
        row = row_of(scope, remote_id)
        if into is not None:
            row_of(scope, into)
        with sandbox.store.transaction():
            sandbox.store.remove(scope, row.num)
            sandbox.store.record(scope, Entry("merge" if into else "remove", "applied", remote_id))
            if scope in sandbox.companies:
                sandbox.hooks.note(scope, into or remote_id, "merged" if into else "deleted", remote_id)
        return answer({"removed": remote_id})

    for method, path, call in (
        ("GET", "/journal", journal),
        ("GET", "/employees", employees),
        ("GET", "/counts", counts),
        ("POST", "/reset", reset),
        ("POST", "/seed", seed_call),
        ("PATCH", "/employees/{remote_id}", change),
        ("DELETE", "/employees/{remote_id}", remove),
    ):
        router.add_api_route(path, call, methods=[method], response_model=None)
    for other in (control.make_control(sandbox), *own):
        router.include_router(other)
    return router
