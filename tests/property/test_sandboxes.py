"""Whatever is sent, a sandbox answers as its system would: no crash, and nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.linarc.app import make_app as make_linarc
from sandbox.quickbooks.app import make_app
from sandbox.quickbooks.fields import ORDER
from sandbox.quickbooks.tokens import Client, Tokens
from sandbox.store import Store

BASE = "/v3/company/77"
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from([*ORDER, "Id", "SyncToken", "sparse", "Nickname", "PrimaryAddr"])
EMPLOYEE = st.dictionaries(NAMES, ANY, max_size=5)
ITEM = st.one_of(
    ANY,
    st.fixed_dictionaries(
        {"bId": ANY, "operation": st.one_of(ANY, st.sampled_from(["create", "update"])), "Employee": EMPLOYEE}
    ),
    st.fixed_dictionaries({"bId": ANY, "Query": ANY}),
)
WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "select",
                "*",
                "count(*)",
                "from",
                "Employee",
                "where",
                "Id",
                "=",
                "in",
                "like",
                "and",
                "'1'",
                "('1')",
            ]
        ),
        st.sampled_from(
            ["orderby", "startposition", "maxresults", "1", "Active", "true", "'%'", "GivenName"]
        ),
        st.text(max_size=6),
    ),
    max_size=14,
).map(" ".join)


@pytest_asyncio.fixture
async def quickbooks(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = Store(tmp_path / "q.db")
    app, sandbox = make_app(store, ["77"], Client("app", "hush"))
    Tokens(sandbox).keep("live", "access", "*", 3600)
    headers = {"Authorization": "Bearer live", "Accept": "application/json"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://qbo", headers=headers) as http:
        yield http
    store.close()


@pytest_asyncio.fixture
async def linarc(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = Store(tmp_path / "l.db")
    app, _ = make_linarc(store, {"acme": "k"})
    headers = {"Authorization": "Bearer k", "If-Match": "*"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://linarc", headers=headers) as http:
        yield http
    store.close()


def answered(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201, 400, 404, 409, 422), answer.text
    return answer.json()


@MANY
@given(body=st.one_of(ANY, EMPLOYEE), items=st.lists(ITEM, max_size=4))
async def test_any_write_to_quickbooks_is_answered(
    quickbooks: httpx.AsyncClient, body: Any, items: list[Any]
) -> None:
    answered(await quickbooks.post(f"{BASE}/employee", json=body))
    before = await count(quickbooks)
    done = answered(await quickbooks.post(f"{BASE}/batch", json={"BatchItemRequest": items}))
    made = [
        item for item in done.get("BatchItemResponse", []) if item.get("Employee", {}).get("SyncToken") == "0"
    ]
    assert await count(quickbooks) - before == len(made)
    assert len(done.get("BatchItemResponse", [])) in (0, len(items))


async def count(quickbooks: httpx.AsyncClient) -> int:
    text = "select count(*) from Employee where Active in (true, false)"
    answer = answered(await quickbooks.get(f"{BASE}/query", params={"query": text}))
    return int(answer["QueryResponse"]["totalCount"])


@MANY
@given(query=st.one_of(st.text(max_size=40), WORDS), since=st.text(max_size=12), name=st.text(max_size=12))
async def test_any_read_of_quickbooks_is_answered(
    quickbooks: httpx.AsyncClient, query: str, since: str, name: str
) -> None:
    answered(await quickbooks.post(f"{BASE}/query", content=query.encode("utf-8", "replace")))
    answered(await quickbooks.get(f"{BASE}/cdc", params={"entities": name, "changedSince": since}))


@MANY
@given(
    text=st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters=":\t\n\r"), min_size=1, max_size=40
    )
)
async def test_any_name_is_found_again_by_its_literal(quickbooks: httpx.AsyncClient, text: str) -> None:
    created = answered(await quickbooks.post(f"{BASE}/employee", json={"GivenName": text}))
    if "Fault" in created:
        control = any(c < " " for c in text)
        assert created["Fault"]["Error"][0]["code"] == ("2040" if control else "6240")
        return
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    for field in ("GivenName", "DisplayName"):
        asked = f"select * from Employee where {field} = '{literal}'"
        found = answered(await quickbooks.post(f"{BASE}/query", content=asked.encode()))
        assert created["Employee"]["Id"] in [e["Id"] for e in found["QueryResponse"].get("Employee", [])]


@MANY
@given(body=ANY, cursor=st.text(max_size=12), since=st.text(max_size=12), limit=st.text(max_size=5))
async def test_any_call_of_linarc_is_answered(
    linarc: httpx.AsyncClient, body: Any, cursor: str, since: str, limit: str
) -> None:
    made = answered(await linarc.post("/api/v1/employees", json={"first_name": "Ana"}))
    for path in ("", "/deactivate", "/reactivate"):
        method = "POST" if path else "PATCH"
        answered(await linarc.request(method, f"/api/v1/employees/{made['id']}{path}", json=body))
    for params in ({"cursor": cursor}, {"updated_since": since}, {"limit": limit}):
        answered(await linarc.get("/api/v1/employees", params=params))
