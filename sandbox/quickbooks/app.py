"""The HTTP side of the QuickBooks stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request, Response

from sandbox import faults as trouble
from sandbox.admin import answer, make_admin
from sandbox.box import Sandbox
from sandbox.faults import Rule
from sandbox.quickbooks import employee, faults
from sandbox.quickbooks.company import Company, attempt, company_info, reply
from sandbox.quickbooks.consent import make_consent
from sandbox.quickbooks.employee import QuickBooksWire
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.oauth import make_oauth
from sandbox.quickbooks.switches import SWITCHES
from sandbox.quickbooks.throttle import Throttle
from sandbox.quickbooks.tokens import ANY, Client, Tokens
from sandbox.store import Entry, Store

BATCH_ITEMS = 30
REQUEST_ID_LENGTH = 50


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        raise Refused("500", "Operation is not supported: the body is not UTF-8.") from wrong
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as wrong:
        raise Refused(faults.UNSUPPORTED, f"Property Name: the body is not JSON: {wrong}") from wrong
    if not isinstance(found, dict):
        raise Refused(faults.UNSUPPORTED, "Property Name: the body is not an object")
    return found


def _request_id(request: Request) -> str | None:
    key = request.query_params.get("requestid")
    if key and len(key) > REQUEST_ID_LENGTH:
        raise Refused(
            faults.TOO_LONG, f"requestid: Max:{REQUEST_ID_LENGTH} supported. Supplied length:{len(key)}"
        )
    return key or None


def _shown_name(body: dict[str, Any]) -> str:
    return str(
        body.get("DisplayName") or " ".join(str(body.get(k) or "") for k in ("GivenName", "FamilyName"))
    )


def make_app(
    store: Store, realms: Sequence[str], client: Client, admin_token: str = ""
) -> tuple[FastAPI, Sandbox]:
    """The application and what its calls share."""
    box = Sandbox(
        store, tuple(realms), QuickBooksWire(store), switches=dict(SWITCHES), lists=employee.OTHER_LISTS
    )
    tokens, company = Tokens(box), Company(box)
    throttle = Throttle(box)
    app = FastAPI(title="QuickBooks Online sandbox", docs_url=None, redoc_url=None, openapi_url=None)

    def admitted(request: Request, realm: str, *, batch: bool = False) -> Response | None:
        """The answer that keeps this call out, if it may not come in."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        scope = tokens.scope(value, "access") if scheme.lower() == "bearer" else None
        if scope is None:
            millis = store.now() // 1000
            return reply(orjson.dumps(faults.unauthenticated("Token expired or malformed", millis)), 401)
        if realm not in box.scopes or scope not in (ANY, realm):
            error = {
                "Message": "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403",
                "Detail": "The application may not use this company",
                "code": "3100",
                "element": None,
            }
            fault = {"Fault": {"Error": [error], "type": "AuthorizatonFault"}, "time": company.time()}
            return reply(orjson.dumps(fault), 403)
        if not throttle.admit(realm, batch=batch):
            return reply(orjson.dumps(faults.throttled(company.time())), 429)
        return None

    async def answered(operation: str, realm: str, name: str, work: Callable[[], dict[str, Any]]) -> Response:
        """Answer a call that only reads."""
        box.calls[operation] += 1
        rule = box.faults.find(operation, realm, name)
        early = await trouble.before(rule)
        if early is not None:
            return early
        if rule is not None and rule.action == "fault":
            status, content = 400, {"Fault": faults.ruled(rule).fault}
        else:
            status, content = attempt(work)
        return await trouble.after(rule, reply(orjson.dumps({**content, "time": company.time()}), status))

    def refusal(refused: Refused) -> Response:
        return reply(orjson.dumps({"Fault": refused.fault, "time": company.time()}), refused.status)

    async def read(request: Request, realm: str, remote_id: str) -> Response:
        out = admitted(request, realm)
        return out or await answered("read", realm, remote_id, lambda: company.read(realm, remote_id))

    async def query(request: Request, realm: str) -> Response:
        text = request.query_params.get("query") or (await request.body()).decode(errors="replace")
        out = admitted(request, realm)
        return out or await answered("query", realm, text, lambda: company.query(realm, text))

    async def cdc(request: Request, realm: str) -> Response:
        asked = request.query_params
        out = admitted(request, realm)
        return out or await answered(
            "cdc",
            realm,
            "",
            lambda: company.changes(realm, asked.get("entities", ""), asked.get("changedSince", "")),
        )

    async def info(request: Request, realm: str, same: str) -> Response:
        out = admitted(request, realm)
        return out or await answered("companyinfo", realm, same, lambda: {"CompanyInfo": company_info(realm)})

    async def write(request: Request, realm: str) -> Response:
        raw = await request.body()
        out = admitted(request, realm)
        if out is not None:
            return out
        try:
            body, key = _json_object(raw), _request_id(request)
        except Refused as refused:
            return refusal(refused)
        operation = "update" if body.get("Id") else "create"
        box.calls[operation] += 1
        rule = box.faults.find(operation, realm, _shown_name(body))
        early = await trouble.before(rule)
        if early is not None:
            with store.transaction():
                store.record(realm, Entry(operation, "faulted", request_id=key, body=raw))
            return early
        entry = Entry(operation, "applied", request_id=key)
        done = company.once(realm, key, operation, lambda: company.write(realm, operation, body, entry, rule))
        return await trouble.after(rule, done)

    async def batch(request: Request, realm: str) -> Response:
        raw = await request.body()
        out = admitted(request, realm, batch=True)
        if out is not None:
            return out
        try:
            items, key = _json_object(raw).get("BatchItemRequest", []), _request_id(request)
            if len(items) > BATCH_ITEMS:
                detail = f"The batch limit size is {BATCH_ITEMS}, the request has {len(items)} items"
                raise Refused(faults.BATCH_TOO_LARGE, detail)
        except Refused as refused:
            return refusal(refused)
        box.calls["batch"] += 1
        whole = box.faults.find("batch", realm, raw.decode())
        early = await trouble.before(whole)
        if early is not None:
            with store.transaction():
                store.record(realm, Entry("batch", "faulted", request_id=key))
            return early
        rules = [_item_rule(box, realm, item) for item in items]
        await asyncio.sleep(sum(rule.seconds for rule in rules if rule and rule.action == "latency"))
        if any(rule and rule.action == "cut" and not rule.after_commit for rule in rules):
            return trouble.CutResponse()
        if whole is not None and whole.action == "fault":
            return refusal(faults.ruled(whole))
        done = company.once(realm, key, "batch", lambda: company.batch(realm, items, key, rules))
        for rule in (whole, *rules):
            done = await trouble.after(rule, done)
        return done

    base = "/v3/company/{realm}"
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
        app.add_api_route(base + path, call, methods=[method], response_model=None)
    app.include_router(make_consent(box, client, tokens))
    app.include_router(make_oauth(box, client, tokens))

    async def expire(request: Request) -> Response:
        asked = request.query_params
        kinds = asked.get("kind", "access")
        if kinds not in ("access", "refresh", "all"):
            raise HTTPException(422, "kind must be access, refresh or all")
        tokens.end(kinds, asked.get("scope"))
        return answer({"expired": kinds})

    admin = make_admin(box, admin_token)
    admin.add_api_route("/tokens/expire", expire, methods=["POST"], response_model=None)
    app.include_router(admin)
    return app, box


def _item_rule(box: Sandbox, realm: str, item: dict[str, Any]) -> Rule | None:
    body = item.get("Employee")
    operation = "query" if "Query" in item else str(item.get("operation", "create"))
    box.calls[operation] += 1
    return box.faults.find(operation, realm, _shown_name(body) if isinstance(body, dict) else "")
