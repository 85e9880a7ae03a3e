"""The data calls of the QuickBooks stand-in: read, query, changes, company, write and batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from sandbox import faults as trouble
from sandbox.faults import Rule
from sandbox.quickbooks import bodies, faults
from sandbox.quickbooks.company import Company, thinned
from sandbox.quickbooks.employee import rules_of
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.gate import Gate, reply
from sandbox.state import Sandbox
from sandbox.store import Entry

BATCH_ITEMS = 30
REQUEST_ID_LENGTH = 50
BATCH_REQUEST_ID_LENGTH = 36


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        raise Refused(faults.OPERATION, "Operation is not supported: the body is not UTF-8.") from wrong
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as wrong:
        raise Refused(faults.UNSUPPORTED, f"Property Name: the body is not JSON: {wrong}") from wrong
    if not isinstance(found, dict):
        raise Refused(faults.UNSUPPORTED, "Property Name: the body is not an object")
    return found


def _request_id(request: Request, limit: int) -> str | None:
    key = request.query_params.get("requestid")
    if key and len(key) > limit:
        raise Refused(faults.TOO_LONG, f"requestid: Max:{limit} supported. Supplied length:{len(key)}")
    return key or None


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("BatchItemRequest")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refused(faults.UNSUPPORTED, "Property Name:BatchItemRequest must be a list of objects")
    if len(items) > BATCH_ITEMS:
        detail = f"The batch limit size is {BATCH_ITEMS}, the request has {len(items)} items"
        raise Refused(faults.BATCH_TOO_LARGE, detail)
    return items


def _shown_name(body: object) -> str:
    if not isinstance(body, dict):
        return ""
    return str(
        body.get("DisplayName") or " ".join(str(body.get(k) or "") for k in ("GivenName", "FamilyName"))
    )


def _struck(sandbox: Sandbox, realm: str, items: list[dict[str, Any]]) -> list[Rule | None]:
    """The rule for each item, in their order."""
    found = []
    for item in items:
        operation = "query" if "Query" in item else str(item.get("operation", "create"))
        sandbox.calls[operation] += 1
        found.append(
            sandbox.faults.find(operation, realm, _shown_name(item.get("Employee")))
            if sandbox.faults.armed
            else None
        )
    return found


def make_data(sandbox: Sandbox, company: Company, gate: Gate) -> APIRouter:
    """Every route below /v3/company/{realm}."""
    router = APIRouter(prefix="/v3/company/{realm}")

    async def read(request: Request, realm: str, remote_id: str) -> Response:
        async def work() -> Response:
            return await gate.read("read", realm, remote_id, lambda: company.read(realm, remote_id))

        return await gate.admit(request, realm, work, reads=1)

    async def query(request: Request, realm: str) -> Response:
        text = request.query_params.get("query") or (await request.body()).decode(errors="replace")

        async def work() -> Response:
            return await gate.read("query", realm, text, lambda: company.query(realm, text))

        return await gate.admit(request, realm, work, reads=1)

    async def cdc(request: Request, realm: str) -> Response:
        asked = request.query_params
        entities, since = asked.get("entities", ""), asked.get("changedSince", "")

        async def work() -> Response:
            return await gate.read("cdc", realm, entities, lambda: company.changes(realm, entities, since))

        return await gate.admit(request, realm, work, reads=1)

    async def info(request: Request, realm: str, same: str) -> Response:
        def found() -> dict[str, Any]:
            if same != realm:
                raise faults.not_found()
            return {"CompanyInfo": company.info(realm)}

        async def work() -> Response:
            return await gate.read("companyinfo", realm, same, found)

        return await gate.admit(request, realm, work, reads=1)

    async def faulted(realm: str, entry: Entry, early: Response) -> Response:
        """A write that never happened still stands in the journal."""
        with sandbox.store.transaction():
            sandbox.store.record(realm, entry)
        return early

    async def write(request: Request, realm: str) -> Response:
        async def work() -> Response:
            try:
                raw = await bodies.read(request)
                body, key = _json_object(raw), _request_id(request, REQUEST_ID_LENGTH)
                if request.query_params.get("operation") == "delete":
                    raise Refused(faults.OPERATION, "Operation delete is not supported.")
            except Refused as refused:
                return gate.refusal(refused)
            operation = "update" if body.get("Id") else "create"
            sandbox.calls[operation] += 1
            rule = sandbox.faults.find(operation, realm, _shown_name(body))
            early = await trouble.before(rule, gate.shape)
            if early is not None:
                return await faulted(realm, Entry(operation, "faulted", request_id=key, body=raw), early)
            rules = rules_of(sandbox, realm)
            status, done = company.once(
                realm, key, operation, lambda: company.write(realm, operation, body, rules, rule, key=key)
            )
            return await trouble.after(rule, _shaped(gate, rule, status, done))

        return await gate.admit(request, realm, work, writes=1)

    async def batch(request: Request, realm: str) -> Response:
        try:
            raw = await bodies.read(request)
            items = _items(_json_object(raw))
            key = _request_id(request, BATCH_REQUEST_ID_LENGTH)
        except Refused as refused:
            answer = gate.refusal(refused)

            async def refuse() -> Response:
                return answer

            return await gate.admit(request, realm, refuse, batch=True)

        async def work() -> Response:
            sandbox.calls["batch"] += 1
            whole = sandbox.faults.find("batch", realm, raw.decode()) if sandbox.faults.armed else None
            early = await trouble.before(whole, gate.shape)
            if early is not None:
                return await faulted(realm, Entry("batch", "faulted", request_id=key), early)
            struck = _struck(sandbox, realm, items)
            await asyncio.sleep(sum(rule.seconds for rule in struck if rule and rule.action == "latency"))
            if any(rule and rule.action == "cut" and not rule.after_commit for rule in struck):
                return trouble.CutResponse()
            if whole is not None and whole.action == "fault":
                return gate.refusal(faults.ruled(whole), whole.shape or "json")
            status, body = company.once(realm, key, "batch", lambda: company.batch(realm, items, key, struck))
            if whole is not None and whole.action in ("empty", "truncate"):
                body = orjson.dumps(thinned(orjson.loads(body), whole.action))
            done = reply(body, status)
            for rule in (whole, *struck):
                done = await trouble.after(rule, done)
            return done

        queries = sum(1 for item in items if "Query" in item)
        writes = len(items) - queries
        return await gate.admit(request, realm, work, batch=True, reads=queries, writes=writes)

    routes: tuple[tuple[str, str, Callable[..., Awaitable[Response]]], ...] = (
        ("GET", "/employee/{remote_id}", read),
        ("POST", "/employee", write),
        ("GET", "/query", query),
        ("POST", "/query", query),
        ("POST", "/batch", batch),
        ("GET", "/cdc", cdc),
        ("GET", "/companyinfo/{same}", info),
    )
    for method, path, call in routes:
        router.add_api_route(path, call, methods=[method], response_model=None)
    return router


def _shaped(gate: Gate, rule: Rule | None, status: int, body: bytes) -> Response:
    """The answer to a write; a refusal that a rule asked for has the rule's shape."""
    if rule is not None and rule.action == "fault" and rule.shape:
        return gate.refusal(faults.ruled(rule), rule.shape)
    return reply(body, status)
