"""The admin calls that change how a sandbox behaves: faults, switches, settings of companies, scenarios."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import ValidationError

from sandbox.faults import Rule
from sandbox.scenario import play, problems
from sandbox.state import Sandbox, loads


def answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def scope_of(sandbox: Sandbox, request: Request) -> str:
    """The realm or tenant that a call names as `scope`, `realm` or `tenant`; the first when it names none."""
    asked = request.query_params
    given = next((asked[name] for name in ("scope", "realm", "tenant") if name in asked), sandbox.scopes[0])
    if given not in sandbox.scopes:
        raise HTTPException(404, f"no realm or tenant {given}")
    return given


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a call."""
    try:
        return loads(await request.body())
    except ValueError as wrong:
        raise HTTPException(422, f"the body must be a JSON object: {wrong}") from wrong


def make_control(sandbox: Sandbox) -> APIRouter:
    """Routes below /admin."""
    router = APIRouter()

    async def put_faults(request: Request) -> Response:
        given = (await body_of(request)).get("rules")
        if not isinstance(given, list):
            raise HTTPException(422, 'give {"rules": […]}')
        try:
            rules = [Rule.model_validate(rule) for rule in given]
        except ValidationError as wrong:
            raise HTTPException(422, problems(wrong)) from wrong
        sandbox.faults.set(rules)
        return answer({"rules": sandbox.faults.show()})

    async def get_faults(request: Request) -> Response:
        return answer({"rules": sandbox.faults.show()})

    async def put_switches(request: Request) -> Response:
        try:
            sandbox.set(await body_of(request))
        except ValueError as wrong:
            raise HTTPException(422, str(wrong)) from wrong
        return answer(sandbox.switches)

    async def get_switches(request: Request) -> Response:
        return answer(sandbox.switches)

    async def put_company(request: Request) -> Response:
        scope = scope_of(sandbox, request)
        try:
            sandbox.set_company(scope, await body_of(request))
        except ValueError as wrong:
            raise HTTPException(422, str(wrong)) from wrong
        return answer(sandbox.company(scope))

    async def get_company(request: Request) -> Response:
        return answer(sandbox.company(scope_of(sandbox, request)))

    async def put_scenario(request: Request) -> Response:
        try:
            play(sandbox, await request.body())
        except ValueError as wrong:
            raise HTTPException(422, str(wrong)) from wrong
        return answer(
            {"switches": sandbox.switches, "companies": sandbox.companies, "rules": sandbox.faults.show()}
        )

    async def put_webhooks(request: Request) -> Response:
        scope, given = scope_of(sandbox, request), await body_of(request)
        url, secret = given.get("url"), given.get("secret")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise HTTPException(422, 'give {"url": "http…"}, and "secret" to sign with one that you have')
        if secret is not None and not (isinstance(secret, str) and sandbox.shape.valid(secret)):
            raise HTTPException(422, "this system cannot sign with such a secret")
        target = sandbox.hooks.register(scope, url, secret)
        return answer({"url": target.url, "secret": target.secret})

    async def get_webhooks(request: Request) -> Response:
        return answer(sandbox.hooks.show(scope_of(sandbox, request)))

    async def delete_webhooks(request: Request) -> Response:
        sandbox.hooks.forget(scope_of(sandbox, request))
        return answer(sandbox.hooks.show(scope_of(sandbox, request)))

    for method, path, call in (
        ("GET", "/webhooks", get_webhooks),
        ("PUT", "/webhooks", put_webhooks),
        ("DELETE", "/webhooks", delete_webhooks),
        ("GET", "/faults", get_faults),
        ("PUT", "/faults", put_faults),
        ("GET", "/switches", get_switches),
        ("PUT", "/switches", put_switches),
        ("GET", "/company", get_company),
        ("PUT", "/company", put_company),
        ("PUT", "/scenario", put_scenario),
    ):
        router.add_api_route(path, call, methods=[method], response_model=None)
    return router
