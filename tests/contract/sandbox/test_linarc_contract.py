"""docs/linarc-openapi.yaml, the sandbox's routes and its answers say the same."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import yaml
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from sandbox.linarc.api import BASE, make_api
from sandbox.linarc.app import REAL, make_app
from sandbox.linarc.contract import document
from sandbox.linarc.employee import FIELDS
from sandbox.linarc.problem import CODES
from sandbox.store import Store
from sandbox.throttle import Throttle

DOCS = Path(__file__).parents[3] / "docs"
CONTRACT = document()
EMPLOYEES = f"{BASE}/employees"


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    whole = {**schema, "components": CONTRACT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def described(method: str, path: str, answer: httpx.Response) -> dict[str, Any]:
    """The schema that the contract gives for this answer."""
    operation = CONTRACT["paths"][path][method]
    content = operation["responses"][str(answer.status_code)]["content"]
    found: dict[str, Any] = content[answer.headers["content-type"]]["schema"]
    return found


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = Store(tmp_path / "linarc.db")
    app, _ = make_app(store, {"acme": "key"})
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": "Bearer key"}
    async with httpx.AsyncClient(transport=transport, base_url="http://linarc", headers=headers) as client:
        yield client
    store.close()


def test_the_committed_document_is_the_sandboxs_own() -> None:
    assert yaml.safe_load((DOCS / "linarc-openapi.yaml").read_text()) == CONTRACT


def test_the_document_is_openapi() -> None:
    for schema in CONTRACT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    text = (DOCS / "linarc-api.md").read_text()
    assert "20 calls a second, 600 a minute and 10 at once" in text


def test_every_route_is_described_and_every_description_has_a_route(tmp_path: Path) -> None:
    store = Store(tmp_path / "linarc.db")
    _, sandbox = make_app(store, {"acme": "key"})
    offered = {
        (method.lower(), route.path.removeprefix(BASE))
        for route in make_api(sandbox, {"acme": "key"}, Throttle(sandbox, REAL)).routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    described = {
        (method, path)
        for path, item in CONTRACT["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert offered == described
    store.close()


async def test_every_answer_is_as_described(http: httpx.AsyncClient) -> None:
    one = f"{EMPLOYEES}/lin_000001"
    tag = {"If-Match": "*"}
    calls: list[tuple[str, str, dict[str, Any], int]] = [
        ("get", "/company", {}, 200),
        ("post", "/employees", {"json": {"first_name": "Ana", "email": "a@example.com"}}, 201),
        ("post", "/employees", {"json": {"first_name": "Bea", "email": "A@example.com"}}, 409),
        ("post", "/employees", {"json": {}}, 422),
        ("post", "/employees", {"content": b"["}, 400),
        ("get", "/employees", {}, 200),
        ("get", "/employees", {"params": {"limit": "0"}}, 422),
        ("get", "/employees/{employee_id}", {}, 200),
        ("patch", "/employees/{employee_id}", {"json": {"phone": "1"}, "headers": tag}, 200),
        ("patch", "/employees/{employee_id}", {"json": {"phone": "1"}}, 428),
        ("patch", "/employees/{employee_id}", {"json": {}, "headers": {"If-Match": '"old"'}}, 412),
        ("post", "/employees/{employee_id}/deactivate", {"json": {"end_date": "2026-11-23"}}, 200),
        ("post", "/employees/{employee_id}/reactivate", {}, 200),
        ("post", "/employees/{employee_id}/invite", {}, 403),
        ("get", "/company", {"headers": {"Authorization": "Bearer no"}}, 401),
    ]
    for method, path, more, status in calls:
        address = one + path.partition("{employee_id}")[2] if "{" in path else BASE + path
        answer = await http.request(method, address, **more)
        assert answer.status_code == status, (method, path, answer.text)
        validator(described(method, path, answer)).validate(answer.json())
    gone = await http.get(f"{EMPLOYEES}/lin_000009")
    validator(described("get", "/employees/{employee_id}", gone)).validate(gone.json())


def test_an_answer_of_another_shape_is_found() -> None:
    schema = {"$ref": "#/components/schemas/EmployeePage"}
    assert list(validator(schema).iter_errors({"employees": [], "next_cursor": None}))


VALUES = st.one_of(
    st.none(),
    st.text(max_size=130),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
    st.sampled_from(["a@b.example", "2026-11-23", "2026-02-30", ""]),
    st.dictionaries(st.sampled_from(["line1", "city", "planet"]), st.one_of(st.none(), st.text(max_size=5))),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from([*FIELDS, "state", "nickname"]), VALUES, max_size=4))
async def test_what_the_contract_allows_is_taken_and_nothing_else(
    http: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    body = {"first_name": "Ana", **body}
    answer = await http.post(EMPLOYEES, json=body)
    allowed = validator({"$ref": "#/components/schemas/EmployeeFields"}).is_valid(body)
    if answer.status_code == 422:
        assert answer.json()["code"] in CODES
        semantic = answer.json()["code"] in ("missing_name", "invalid_email")
        assert not allowed or semantic, (body, answer.json())
    else:
        assert answer.status_code in (201, 409)
        assert allowed, body
