"""The admin calls of both sandboxes: journal, raw rows, seeding, faults and edits by hand."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from sqlite3 import IntegrityError
from typing import Any

import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import ValidationError

from sandbox.box import Sandbox, loads, seed
from sandbox.faults import Rule
from sandbox.store import Entry


def answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def make_admin(box: Sandbox, token: str) -> APIRouter:
    """The routes below /admin."""
    router = APIRouter(prefix="/admin")
    routes: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {}

    def scope_of(request: Request) -> str:
        given = next(
            (request.query_params[k] for k in ("scope", "realm", "tenant") if k in request.query_params), None
        )
        if given is not None and given not in box.scopes:
            raise HTTPException(404, f"no realm or tenant {given}")
        other = request.query_params.get("list")
        if other is not None and other not in box.lists:
            raise HTTPException(404, f"no list {other}")
        return (given or box.scopes[0]) + (f"/{other}" if other else "")

    async def journal(request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        limit = int(request.query_params.get("limit", "1000"))
        return answer({"entries": box.store.journal(after, limit)})

    async def employees(request: Request) -> Response:
        after_id = request.query_params.get("after_id", "")
        after = (box.wire.num(after_id) or 0) if after_id else 0
        limit = int(request.query_params.get("limit", "1000"))
        rows = box.store.after(scope_of(request), after, limit)
        following = box.wire.remote_id(rows[-1].num) if len(rows) == limit and rows else None
        return answer({"employees": [orjson.Fragment(row.data) for row in rows], "next_after_id": following})

    async def counts(request: Request) -> Response:
        return answer({**box.store.counts(), "calls": dict(box.calls)})

    async def reset(request: Request) -> Response:
        every = not {"scope", "realm", "tenant"} & set(request.query_params)
        box.store.reset(None if every else scope_of(request))
        box.faults.set([])
        box.calls.clear()
        return answer({"reset": True})

    async def seed_call(request: Request) -> Response:
        body = orjson.loads(await request.body())
        try:
            ids = seed(box, ((scope_of(request), employee) for employee in body["employees"]))
        except IntegrityError as clash:
            raise HTTPException(409, f"a seeded employee clashes with another: {clash}") from clash
        return answer({"seeded": len(ids), "ids": ids})

    async def put_faults(request: Request) -> Response:
        try:
            rules = [Rule.model_validate(rule) for rule in orjson.loads(await request.body())["rules"]]
        except ValidationError as wrong:
            raise HTTPException(422, wrong.errors(include_url=False, include_context=False)) from wrong
        box.faults.set(rules)
        return answer({"rules": box.faults.show()})

    async def get_faults(request: Request) -> Response:
        return answer({"rules": box.faults.show()})

    async def put_switches(request: Request) -> Response:
        try:
            box.turn(loads(await request.body()))
        except ValueError as wrong:
            raise HTTPException(422, str(wrong)) from wrong
        return answer(box.switches)

    async def get_switches(request: Request) -> Response:
        return answer(box.switches)

    async def edit(request: Request) -> Response:
        scope, body = scope_of(request), await request.body()
        num = box.wire.num(request.path_params["remote_id"])
        row = box.store.get(scope, num) if num is not None else None
        if row is None:
            raise HTTPException(404, "no such employee")
        changed = box.wire.edited(scope, row, orjson.loads(body), box.store.now())
        try:
            with box.store.transaction():
                box.store.update(scope, changed)
                entry = Entry("hand_edit", "applied", box.wire.remote_id(row.num), body=body)
                box.store.record(scope, entry)
        except IntegrityError as clash:
            raise HTTPException(409, f"the edit clashes with another employee: {clash}") from clash
        return Response(changed.data, media_type="application/json")

    async def remove(request: Request) -> Response:
        """Merge a person away: the id is gone for good, and changes show a stub of it."""
        scope = scope_of(request)
        num = box.wire.num(request.path_params["remote_id"])
        if num is None or box.store.get(scope, num) is None:
            raise HTTPException(404, "no such employee")
        with box.store.transaction():
            box.store.remove(scope, num)
            box.store.record(scope, Entry("merge", "applied", box.wire.remote_id(num)))
        return answer({"removed": box.wire.remote_id(num)})

    routes |= {
        ("GET", "/journal"): journal,
        ("GET", "/employees"): employees,
        ("GET", "/counts"): counts,
        ("POST", "/reset"): reset,
        ("POST", "/seed"): seed_call,
        ("GET", "/faults"): get_faults,
        ("PUT", "/faults"): put_faults,
        ("GET", "/switches"): get_switches,
        ("PUT", "/switches"): put_switches,
        ("PATCH", "/employees/{remote_id}"): edit,
        ("DELETE", "/employees/{remote_id}"): remove,
    }

    def guarded(call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            if token and not hmac.compare_digest(request.headers.get("x-sandbox-admin", ""), token):
                raise HTTPException(403, "X-Sandbox-Admin is missing or wrong")
            return await call(request)

        return checked

    for (method, path), call in routes.items():
        router.add_api_route(path, guarded(call), methods=[method], response_model=None)
    return router
