"""Whatever is sent, the answer is a documented problem, never a 500, and nothing was published or stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from httpx import Response

from services.gateway.app import OPEN_BODY_BYTES
from shared.http.app import MAX_BODY_BYTES
from shared.http.problems import TYPES
from tests.integration.gateway.conftest import World

JSON = {"Content-Type": "application/json"}
MODE = b'{"mode": "new"}'
BODIES: dict[str, tuple[bytes, str]] = {
    "half of it": (b'{"mode": ', "malformed"),
    "nothing": (b"", "invalid"),
    "not text": (b"\xff\xfe", "malformed"),
    "text of another encoding": ('{"mode": "new"}'.encode("utf-16"), "malformed"),
    "a mark before it": (b"\xef\xbb\xbf" + MODE, "malformed"),
    "more after it": (MODE + b"{}", "malformed"),
    "NaN": (b'{"mode": NaN}', "malformed"),
    "a lone surrogate": (b'{"mode": "\\ud800"}', "malformed"),
    "a lone surrogate in a key": (b'{"\\udfff": 1}', "malformed"),
    "NUL": (b'{"mode": "new\\u0000"}', "invalid"),
    "NUL in a key": (b'{"mo\\u0000de": "new"}', "invalid"),
    "a key twice": (b'{"mode": "all", "mode": "new"}', "invalid"),
    "a key twice, spelt otherwise": (b'{"mode": "all", "mod\\u0065": "new"}', "invalid"),
    "a key twice, deeper": (b'{"mode": "new", "x": [{"a": 1, "a": 1}]}', "invalid"),
    "a number of 5000 digits": (b'{"mode": ' + b"9" * 5000 + b"}", "malformed"),
    "a number of 300 digits": (b'{"mode": ' + b"9" * 300 + b"}", "invalid"),
    "33 deep": (b"[" * 34 + b"]" * 34, "invalid"),
    "900 deep": (b"[" * 900 + b"]" * 900, "invalid"),
    "9000 deep": (b'{"a":' * 9000, "malformed"),
    "100000 deep and closed": (b"[" * 100_000 + b"]" * 100_000, "malformed"),
    "a list": (b"[]", "invalid"),
    "a text": (b'"new"', "invalid"),
    "null": (b"null", "invalid"),
    "an unknown field": (b'{"mode": "new", "x": 1}', "invalid"),
    "too much": (b" " * (MAX_BODY_BYTES + 1), "too-large"),
}


def _refused(answer: Response, kind: str) -> list[object]:
    """What is wrong with a refusal: nothing, if it is the documented problem."""
    if answer.headers.get("content-type") != "application/problem+json":
        return [answer.status_code, answer.text[:200]]
    found = answer.json()["type"].removeprefix("urn:muster:problem:")
    good = (found, answer.status_code) == (kind, TYPES[kind][0])
    return (
        [] if good and answer.headers["x-content-type-options"] == "nosniff" else [found, answer.text[:200]]
    )


async def test_a_bad_body_is_refused(admin: World) -> None:
    path = await admin.company()
    wrong = {}
    for name, (body, kind) in BODIES.items():
        answer = await admin.http.post(f"{path}/imports", content=body, headers={"X-Muster": "1", **JSON})
        wrong[name] = _refused(answer, kind)

    assert {name: why for name, why in wrong.items() if why} == {}
    assert await admin.published(path, "import") == []


async def test_a_good_body_may_be_as_large_and_deep_as_is_said(admin: World) -> None:
    path = await admin.company()
    body = MODE + b" " * (MAX_BODY_BYTES - len(MODE))

    await admin.call("POST", f"{path}/imports", content=body, headers=JSON, expected=202)


async def test_what_removes_something_takes_no_larger_body(admin: World) -> None:
    path = await admin.company()
    answer = await admin.http.request(
        "DELETE", f"{path}/members/{uuid4()}", content=b" " * 2_000_000, headers={"X-Muster": "1", **JSON}
    )
    assert _refused(answer, "too-large") == []


@pytest.mark.parametrize(
    "path",
    ["/v1/session", f"/v1/invitations/{'x' * 43}", f"/v1/password-resets/{'x' * 43}", "/x"],
)
async def test_one_who_is_not_signed_in_says_little(world: World, path: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b" " * (OPEN_BODY_BYTES // 4)
        yield b"{}"

    for body in (b" " * (OPEN_BODY_BYTES + 1), pieces()):
        answer = await world.http.post(path, content=body, headers=JSON)
        assert _refused(answer, "too-large") == []
    answer = await world.http.post(path, content=b"{}" + b" " * (OPEN_BODY_BYTES - 2), headers=JSON)
    assert answer.status_code in (401, 404, 405, 410, 422), answer.text


async def test_a_body_of_another_type_is_refused(admin: World) -> None:
    path = await admin.company()
    kinds = ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
    answers = [
        await admin.http.post(
            f"{path}/imports", content=MODE, headers={"X-Muster": "1", "Content-Type": kind}
        )
        for kind in kinds
    ]

    assert [_refused(answer, "unsupported-media-type") for answer in answers] == [[]] * len(kinds)
    assert await admin.published(path, "import") == []


ADDRESSES: dict[str, tuple[str, str, str]] = {
    "an unknown route": ("GET", "/v1/nothing", "not-found"),
    "another method": ("PATCH", "/v1/session", "method-not-allowed"),
    "no id": ("GET", "/v1/companies/x", "invalid"),
    "no record id": ("GET", "{path}/records/x", "invalid"),
    "a record of nobody": ("GET", "{path}/records/{id}", "not-found"),
    "a run of nobody": ("GET", "{path}/runs/{id}", "not-found"),
    "a selection of nobody": ("GET", "{path}/selections/{id}", "gone"),
    "a key of nobody": ("DELETE", "{path}/api-keys/x", "not-found"),
    "NUL in the path": ("DELETE", "{path}/api-keys/%00", "invalid"),
    "bytes in the path": ("DELETE", "{path}/api-keys/%ff", "malformed"),
    "NUL in the query": ("GET", "{path}/records?q=%00", "invalid"),
    "NUL in a name of the query": ("GET", "{path}/records?%00=1", "invalid"),
    "a surrogate in the query": ("GET", "{path}/records?q=%ed%a0%80", "malformed"),
    "bytes in the query": ("GET", "{path}/records?q=%ff", "malformed"),
    "too long a search": ("GET", "{path}/records?q=" + "a" * 201, "invalid"),
    "too large a page": ("GET", "{path}/records?limit=501", "invalid"),
    "a page of nothing": ("GET", "{path}/records?limit=0", "invalid"),
    "a page of a number that is none": ("GET", "{path}/records?limit=" + "9" * 5000, "invalid"),
    "an order of ours alone": ("GET", "{path}/records?sort=ssn", "invalid"),
    "a status that is none": ("GET", "{path}/records?status=great", "invalid"),
    "a place that is none": ("GET", "{path}/records?after=%21", "invalid"),
    "a place in history that is none": ("GET", "{path}/records/{id}/timeline?after=-1", "invalid"),
    "a place of the runs that is none": ("GET", "{path}/runs?after=%21", "invalid"),
    "too large a page of runs": ("GET", "{path}/runs?limit=501", "invalid"),
}


async def test_a_bad_address_is_refused(admin: World) -> None:
    path = await admin.company()
    wrong = {}
    for name, (method, template, kind) in ADDRESSES.items():
        address = template.replace("{path}", path).replace("{id}", str(uuid4()))
        wrong[name] = _refused(await admin.http.request(method, address, headers={"X-Muster": "1"}), kind)

    assert {name: why for name, why in wrong.items() if why} == {}


async def test_a_bad_idempotency_key_is_refused(admin: World) -> None:
    path = await admin.company()
    for key in (b"", b" ", b"a" * 201, "é".encode("latin-1"), b"a\x00b"):
        headers = [(b"x-muster", b"1"), (b"idempotency-key", key)]
        answer = await admin.http.post(f"{path}/imports", json={"mode": "new"}, headers=headers)
        assert _refused(answer, "invalid") == [], key

    assert await admin.published(path, "import") == []


async def test_no_answer_repeats_what_was_sent(admin: World) -> None:
    path = await admin.company()
    body = {"mode": "hunter2", "remote_ids": "hunter2", "hunter2": 1}
    answer = await admin.http.post(f"{path}/imports?hunter2=1", json=body, headers={"X-Muster": "1"})

    assert answer.status_code == 422
    assert "hunter2" not in answer.text.replace("body.hunter2", "")


async def test_every_answer_is_guarded_and_kept_by_nobody(world: World) -> None:
    for answer in (await world.http.get("/v1/session"), await world.http.get("/v1/openapi.json")):
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_description_names_every_problem_and_no_other_error(world: World) -> None:
    document = (await world.http.get("/v1/openapi.json")).json()
    operations = [o for path in document["paths"].values() for o in path.values()]

    assert document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] == [
        f"urn:muster:problem:{kind}" for kind in TYPES
    ]
    assert len(operations) > 25
    assert len({o["operationId"] for o in operations}) == len(operations)
    assert "application/problem+json" in document["components"]["responses"]["Problem"]["content"]
    for operation in operations:
        errors = {code: r for code, r in operation["responses"].items() if code[0] not in "23"}
        assert errors == {"default": {"$ref": "#/components/responses/Problem"}}, operation["operationId"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_problem_is_documented_and_no_other() -> None:
    lines = Path("docs/problems.md").read_text().splitlines()
    documented = {line.split("`")[1]: line.split("|")[2].strip() for line in lines if line.startswith("| `")}

    assert documented == {kind: str(status) for kind, (status, _) in TYPES.items()}
