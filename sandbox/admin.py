"""The admin calls of both sandboxes: journal, raw rows, seeding, faults and edits by hand."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from sqlite3 import IntegrityError
from typing import Any, Protocol

import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import ValidationError

from sandbox.faults import Faults, Rule
from sandbox.store import Entry, Row, Store


class Wire(Protocol):
    """How one system shapes its employees."""

    def seeded(self, scope: str, num: int, employee: dict[str, Any], now: int) -> Row:
        """The stored form of a seeded employee."""

    def num(self, remote_id: str) -> int | None:
        """The number in a remote id."""

    def remote_id(self, num: int) -> str:
        """The remote id of a number."""

    def edited(self, scope: str, row: Row, changes: dict[str, Any], now: int) -> Row:
        """The row after somebody changed it by hand; null clears a field."""


@dataclass
class Sandbox:
    """What the calls share; `scopes` are realms or tenants, `lists` other lists kept beside employees."""

    store: Store
    scopes: tuple[str, ...]
    wire: Wire
    faults: Faults = field(default_factory=Faults)
    calls: Counter[str] = field(default_factory=Counter)
    switches: dict[str, bool | int] = field(default_factory=dict)
    lists: tuple[str, ...] = ()


def seed(box: Sandbox, employees: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """Store (scope, employee) pairs as they are, keeping ids that are given; returns their ids in order."""
    ids: list[str] = []
    now = box.store.now()
    following: dict[str, int] = {}
    with box.store.transaction():
        for scope, employee in employees:
            given = employee.get("Id") or employee.get("id")
            free = following.get(scope) or box.store.next_num(scope)
            num = (box.wire.num(str(given)) if given else None) or free
            box.store.insert(scope, box.wire.seeded(scope, num, employee, now))
            following[scope] = max(free, num + 1)
            ids.append(box.wire.remote_id(num))
    return ids


def seed_empty(box: Sandbox, employees: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Load a seed file into those realms or tenants that hold nobody yet."""
    empty = {scope for scope in box.scopes if box.store.next_num(scope) == 1}
    seed(box, ((scope, employee) for scope, employee in employees if scope in empty))


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
        given = orjson.loads(await request.body())
        if unknown := sorted(set(given) - set(box.switches)):
            raise HTTPException(422, f"unknown switches: {', '.join(unknown)}")
        box.switches.update(given)
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

    routes |= {
        ("GET", "/journal"): journal,
        ("GET", "/employees"): employees,
        ("GET", "/counts"): counts,
        ("POST", "/reset"): reset,
        ("POST", "/seed"): seed_call,
        ("GET", "/faults"): get_faults,
        ("PUT", "/faults"): put_faults,
        ("PUT", "/switches"): put_switches,
        ("PATCH", "/employees/{remote_id}"): edit,
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
