"""The Linarc stand-in over HTTP, in process."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.linarc.app import make_app
from sandbox.store import Store
from tests.unit.sandbox.conftest import Clock

EMPLOYEES = "/api/v1/employees"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with closing(Store(tmp_path / "linarc.db", clock)) as opened:
        yield opened


@pytest_asyncio.fixture
async def linarc(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    app, _ = make_app(store, {"acme": "key-a", "zeta": "key-z"})
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": "Bearer key-a"}
    async with httpx.AsyncClient(transport=transport, base_url="http://linarc", headers=headers) as http:
        yield http


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"], body["field"]


async def create(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await http.post(EMPLOYEES, json=fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.asyncio
async def test_create_makes_a_draft_of_the_whole_shape(linarc: httpx.AsyncClient) -> None:
    made = await create(
        linarc, first_name="Ana", email="Ana@Example.com", address={"line1": "1 Row", "city": ""}
    )
    assert (made["id"], made["state"], made["middle_name"]) == ("lin_000001", "draft", None)
    assert made["address"] == {"line1": "1 Row"}
    assert made["created_at"].endswith("Z")
    answer = await linarc.get(f"{EMPLOYEES}/lin_000001")
    assert answer.json() == made
    assert answer.headers["etag"] == f'"{made["etag"]}"'
    assert refusal(await linarc.get(f"{EMPLOYEES}/lin_000009")) == (404, "not_found", None)


@pytest.mark.asyncio
async def test_a_patch_merges_and_needs_the_current_etag(linarc: httpx.AsyncClient) -> None:
    made = await create(linarc, first_name="Ana", last_name="Silva", phone="1")
    path, match = f"{EMPLOYEES}/{made['id']}", {"If-Match": f'"{made["etag"]}"'}
    changed = await linarc.patch(path, json={"last_name": "Souza", "phone": None}, headers=match)
    body = changed.json()
    assert (body["first_name"], body["last_name"], body["phone"]) == ("Ana", "Souza", None)
    assert refusal(await linarc.patch(path, json={"phone": "2"}, headers=match)) == (412, "stale_etag", None)
    assert refusal(await linarc.patch(path, json={"phone": "2"})) == (428, "precondition_required", None)
    assert (await linarc.get(path)).json() == body


@pytest.mark.asyncio
async def test_validation(linarc: httpx.AsyncClient) -> None:
    await create(linarc, first_name="Ana", email="ana@example.com", employee_number="E-1")
    cases: list[tuple[dict[str, Any], tuple[int, str, str | None]]] = [
        ({"first_name": "B", "email": "ANA@example.com"}, (409, "duplicate_email", "email")),
        ({"first_name": "B", "employee_number": "E-1"}, (409, "duplicate_number", "employee_number")),
        ({"email": "b@example.com"}, (422, "missing_name", "first_name")),
        ({"first_name": "B", "state": "active"}, (422, "read_only_field", "state")),
        ({"first_name": "B", "nickname": "x"}, (422, "unknown_field", "nickname")),
        ({"first_name": "B", "email": "x"}, (422, "invalid_email", "email")),
        ({"first_name": "B", "hire_date": "1/2/26"}, (422, "invalid_date", "hire_date")),
    ]
    for body, expected in cases:
        assert refusal(await linarc.post(EMPLOYEES, json=body)) == expected


@pytest.mark.asyncio
async def test_an_idempotency_key_replays_and_binds_the_body(linarc: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await linarc.post(EMPLOYEES, json={"first_name": "Ana"}, headers=key)
    again = await linarc.post(EMPLOYEES, json={"first_name": "Ana"}, headers=key)
    assert (again.status_code, again.content, again.headers["etag"]) == (
        201,
        first.content,
        first.headers["etag"],
    )
    assert again.headers["idempotency-replayed"] == "true"
    other = await linarc.post(EMPLOYEES, json={"first_name": "Bea"}, headers=key)
    assert refusal(other) == (422, "idempotency_key_reused", None)
    entries = (await linarc.get("/admin/journal")).json()["entries"]
    assert [entry["outcome"] for entry in entries] == ["applied", "replayed", "refused"]
    elsewhere = await linarc.post(
        EMPLOYEES, json={"first_name": "Ana"}, headers={**key, "Authorization": "Bearer key-z"}
    )
    assert "idempotency-replayed" not in elsewhere.headers


@pytest.mark.asyncio
async def test_an_idempotency_key_is_kept_for_a_day_and_no_longer(
    linarc: httpx.AsyncClient, clock: Clock
) -> None:
    """Within it nobody is created a second time; after it the same call is a new one, and kept again."""
    call = {"json": {"first_name": "Ana"}, "headers": {"Idempotency-Key": "k-1"}}
    ids = []
    for hours in (0, 23.99, 0.02, 23.97, 0.04):
        clock.now += hours * 3600
        answer = await linarc.request("POST", EMPLOYEES, **call)
        ids.append((answer.status_code, answer.json()["id"], "idempotency-replayed" in answer.headers))
    assert ids == [
        (201, "lin_000001", False),
        (201, "lin_000001", True),
        (201, "lin_000002", False),
        (201, "lin_000002", True),
        (201, "lin_000003", False),
    ]
    people = (await linarc.get(EMPLOYEES)).json()["employees"]
    assert [person["id"] for person in people] == ["lin_000001", "lin_000002", "lin_000003"]


@pytest.mark.asyncio
async def test_the_journal_is_read_in_order_and_nothing_in_it_changes(
    linarc: httpx.AsyncClient, store: Store
) -> None:
    """By its numbers, page by page; only a reset empties it, and what it says then goes on."""
    names = [f"P{n}" for n in range(7)]
    for name in names:
        await create(linarc, first_name=name)

    async def read(after: int = 0) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        while True:
            asked = {"after": str(found[-1][0] if found else after), "limit": "3"}
            page = (await linarc.get("/admin/journal", params=asked)).json()["entries"]
            found += [(entry["n"], entry["body"]["first_name"]) for entry in page]
            if len(page) < 3:
                return found

    whole = await read()
    assert whole == list(enumerate(names, 1))
    for sql in (
        "UPDATE journal SET outcome = 'refused' WHERE n = 2",
        "DELETE FROM journal WHERE n = 2",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT n, at, scope, '', '', '', '', '', '', body FROM journal WHERE n = 2",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.db.execute(sql)
    assert await read() == whole

    await linarc.post("/admin/reset")
    await create(linarc, first_name="Ana")
    assert await read() == [(8, "Ana")]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.db.execute("DELETE FROM journal")


@pytest.mark.asyncio
async def test_pages_walk_by_id_and_changes_since_a_time(linarc: httpx.AsyncClient) -> None:
    seeded = [{"first_name": f"P{n}", "state": "active"} for n in range(25)]
    await linarc.post("/admin/seed", json={"employees": seeded})
    seen: list[str] = []
    cursor, marks = "", set()
    while True:
        page = (await linarc.get(EMPLOYEES, params={"limit": "10", "cursor": cursor})).json()
        seen += [e["id"] for e in page["employees"]]
        marks.add(page["as_of"])
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert seen == [f"lin_{n:06d}" for n in range(1, 26)]
    assert len(marks) == 1
    (mark,) = marks
    await linarc.patch("/admin/employees/lin_000007", json={"phone": "5"})
    page = (await linarc.get(EMPLOYEES, params={"updated_since": mark})).json()
    assert "lin_000007" in [e["id"] for e in page["employees"]]
    assert refusal(await linarc.get(EMPLOYEES, params={"cursor": "junk"})) == (
        422,
        "invalid_cursor",
        "cursor",
    )
    assert refusal(await linarc.get(EMPLOYEES, params={"updated_since": ""})) == (
        422,
        "invalid_value",
        "updated_since",
    )
    assert refusal(await linarc.get(EMPLOYEES, params={"limit": "1001"})) == (422, "invalid_value", "limit")


@pytest.mark.asyncio
async def test_deactivation_and_back(linarc: httpx.AsyncClient) -> None:
    made = await create(linarc, first_name="Ana")
    gone = (await linarc.post(f"{EMPLOYEES}/{made['id']}/deactivate", json={"end_date": "2026-11-20"})).json()
    assert (gone["state"], gone["end_date"]) == ("terminated", "2026-11-20")
    more = {"end_date": "2026-11-20", "reason": "moved"}
    answer = await linarc.post(f"{EMPLOYEES}/{made['id']}/deactivate", json=more)
    assert refusal(answer) == (422, "unknown_field", "reason")
    back = (await linarc.post(f"{EMPLOYEES}/{made['id']}/reactivate")).json()
    assert (back["state"], back["end_date"]) == ("draft", None)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", EMPLOYEES, "GET, POST"),
        ("PUT", f"{EMPLOYEES}/lin_000001", "GET, PATCH"),
        ("PATCH", f"{EMPLOYEES}/lin_000001/deactivate", "POST"),
        ("PATCH", "/api/v1/company", "GET"),
    ],
)
async def test_a_method_that_an_address_does_not_take_is_answered_with_those_that_it_takes(
    linarc: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await linarc.request(method, path, json={})
    assert refusal(answer) == (405, "method_not_allowed", None)
    assert answer.headers["allow"] == allowed


@pytest.mark.asyncio
async def test_tenants_are_apart_and_keys_are_needed(linarc: httpx.AsyncClient) -> None:
    await create(linarc, first_name="Ana", employee_number="E-1")
    other = {"Authorization": "Bearer key-z"}
    assert (await linarc.get("/api/v1/company", headers=other)).json()["id"] == "zeta"
    assert (await linarc.get(EMPLOYEES, headers=other)).json()["employees"] == []
    assert (
        await linarc.post(EMPLOYEES, headers=other, json={"first_name": "B", "employee_number": "E-1"})
    ).status_code == 201
    assert refusal(await linarc.get(EMPLOYEES, headers={"Authorization": "Bearer no"}))[:2] == (
        401,
        "invalid_api_key",
    )


@pytest.mark.asyncio
async def test_faults_strike_as_configured(linarc: httpx.AsyncClient) -> None:
    rules = [
        {"match": {"operation": "create", "nth": 2}, "action": "cut"},
        {"match": {"operation": "create"}, "action": "cut", "after_commit": True, "count": 1},
    ]
    await linarc.put("/admin/faults", json={"rules": rules})
    for name in ("Ana", "Bea"):
        with pytest.raises(ConnectionResetError):
            await linarc.post(EMPLOYEES, json={"first_name": name}, headers={"Idempotency-Key": name})
    again = await linarc.post(EMPLOYEES, json={"first_name": "Ana"}, headers={"Idempotency-Key": "Ana"})
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == ("lin_000001", "true")
    made = await linarc.post(EMPLOYEES, json={"first_name": "Bea"}, headers={"Idempotency-Key": "Bea"})
    assert made.json()["id"] == "lin_000002"
