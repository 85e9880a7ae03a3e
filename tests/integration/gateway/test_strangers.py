"""Whatever a stranger sends to whatever address, the answer is 401: nothing of the request is judged before who asks."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

import pytest

from shared.http.app import make_operations
from tests.integration.gateway.conftest import World

METHODS = ("get", "post", "put", "patch", "delete")
JSON = {"Content-Type": "application/json"}
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "nothing": (b"", {}),
    "half of it": (b'{"mode": ', JSON),
    "another type": (b"mode=new", {"Content-Type": "text/plain"}),
    "not what is asked for": (b'{"x": 1}', JSON),
    "too much": (b" " * 2_000_000, JSON),
}
STRANGERS = {
    "nobody": {},
    "a key that does not exist": {"Authorization": f"Bearer mk_{'0' * 12}_{'x' * 43}"},
    "an ended session": {"Cookie": "muster_session=x", "X-Muster": "1"},
}


class _Ids(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return str(uuid4())


class _NoIds(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "no-id"


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("ids", [_Ids, _NoIds])
async def test_a_stranger_gets_401_whatever_is_sent_to_whatever_address(
    world: World, stranger: str, ids: type[dict[str, str]]
) -> None:
    document = (await world.http.get("/v1/openapi.json")).json()
    asked, wrong = 0, []
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method not in operations or operations[method].get("security") == []:
                continue
            for name, (body, kind) in BODIES.items():
                headers = {**STRANGERS[stranger], **kind}
                answer = await world.http.request(
                    method,
                    path.format_map(ids()),
                    content=body,
                    headers=headers,
                    params={"limit": "x", "active": "x"},
                )
                asked += 1
                # keys that fail again and again must wait: a stranger all the same
                if answer.status_code not in (401, 429):
                    wrong.append((method, path, name, answer.status_code))
    assert wrong == [] and asked > 150


async def test_who_is_signed_in_learns_what_is_wrong_and_so_does_one_who_signs_in(admin: World) -> None:
    path = await admin.company()
    here: dict[str, Any] = {"content": b'{"mode": ', "headers": JSON}
    await admin.call("POST", f"{path}/imports", expected=400, **here)
    assert (await admin.http.post("/v1/session", **here)).status_code == 400


async def test_what_looks_after_a_service_is_not_on_its_public_port(world: World) -> None:
    """Metrics and readiness have a port of their own."""
    inside = make_operations("gateway", cast("Any", None))
    paths = {str(getattr(route, "path", "")) for route in inside.routes}
    assert paths == {"/livez", "/readyz", "/metrics"}
    assert {path: (await world.http.get(path)).status_code for path in paths} == dict.fromkeys(paths, 404)
