"""No answer of the API holds a birth date, pay or a home address for a role that does not see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from sandbox.people import generate
from sandbox.person import Address, Person
from sandbox.seeds import linarc_wire, quickbooks_wire
from services.importer.core import Snapshot
from services.importer.store.snapshots import save_snapshots
from services.syncer.core.planning import Applied, PlanRecord
from services.syncer.core.state import Push, PushState
from services.syncer.store import plan_steps, plans
from shared.contracts.events import (
    Basis,
    Body,
    EmployeeChanged,
    EmployeeStaged,
    PushFailed,
    PushPlanned,
    PushSucceeded,
    RecordLinked,
    RecordStatus,
    ViewChanged,
)
from shared.domain.employee import Change, Employee, PlannedChange
from shared.domain.plans import PlanAction, PlanKind
from shared.domain.values import Cause
from shared.domain.visibility import PRIVATE
from shared.errors import RemoteAnswer
from tests.integration.gateway.conftest import World

METHODS = ("get", "post", "put", "patch", "delete")
RECORDS = "/v1/companies/{company}/records"
PLAN = "/v1/companies/{company}/plans/{plan}/records"
HOLDS_THEM = {PLAN, RECORDS, "/v1/companies/{company}/history"} | {
    f"{RECORDS}/{{record}}{below}"
    for below in ("", "/timeline", "/history", "/json", "/candidates", "/compare/{destination_record}")
}
STREAM = "/v1/companies/{company}/stream"
"""Has no end, so it is not read here: its frames are made of `ViewChanged`."""
ADDRESS = ("address_line1", "address_city", "address_state", "address_postal_code", "address_country")
"""What the sandbox's people have."""


@dataclass(frozen=True, slots=True)
class Known:
    """One person of the sandbox's whom Muster holds on both sides, with a past."""

    path: str
    source: UUID
    destination: UUID
    plan: UUID
    values: frozenset[str]
    """Everything private, as it may stand in an answer."""
    fields: frozenset[str]
    """The private fields that the person has."""

    def found(self, text: str) -> set[str]:
        return {value for value in self.values if value in text}


def _person() -> Person:
    """One of the sandbox's people, all of whose private values stand nowhere else."""
    (one,) = generate(1)
    home = Address("4711 Quince Wynd", "Zelienople", "Oregonia", "98765-4321", "GBR")
    return replace(
        one, number="E-1", birth_date=date(1961, 7, 29), bill_rate=123.45, cost_rate=87.65, address=home,
        department="Finance", title="Clerk",
    )  # fmt: skip


def _employee(wire: dict[str, Any], prefix: str = "") -> Employee:
    home = {f"address_{k}": v for k, v in wire["address"].items()} | {"address_country": "GB"}
    wire = {**wire, **home, "bill_rate": wire["hourly_rate"], "number": wire["employee_number"]}
    if prefix:
        wire |= {"address_line1": f"{prefix} Row", "birth_date": "1961-07-28", "bill_rate": 99.87}
    return Employee.model_validate({k: v for k, v in wire.items() if k in Employee.model_fields})


async def _known(admin: World) -> Known:
    person, path = _person(), await admin.company()
    (linarc,), (quickbooks,) = list(linarc_wire([person])), list(quickbooks_wire([person]))
    linarc["home_office"] = "31 Unknown Way"
    quickbooks["PrimaryAddr"]["Line2"], quickbooks["Custom"] = "Annexe Q", {"Line1": "32 Unheard Way"}
    old, new = _employee(linarc, "4710 Bygone"), _employee(linarc)
    (staged,), (other,) = await admin.matched(path, ["x"], ["y"], new, x="y")
    document = await admin.call("GET", path)
    company, ends = UUID(document["company_id"]), document["route"]
    accounts = (UUID(ends["source"]), UUID(ends["destination"]))
    assert (await admin.staged(path, "x")) == [staged]
    for body in _past(staged, other, accounts, old, new):
        await admin.tell(company, body)
    seen = {"remote_id": "x", "requested_at": datetime.now(UTC), "answered_at": datetime.now(UTC)}
    for record, account in ((staged, accounts[0]), (other, accounts[1])):
        body = EmployeeStaged(
            record_id=record, account_id=account, rev=2, employee=new, cause=Cause.READ, **seen
        )
        await admin.compared(company, body)
    plan = await _planned(admin, company, staged, new)
    await _sent(admin, company, staged, accounts[1], quickbooks)
    now = datetime.now(UTC)
    async with admin.importer.transaction([company]) as tx:
        for account, record, wire in ((accounts[0], staged, linarc), (accounts[1], other, quickbooks)):
            snapshot = Snapshot(
                record, account, "x", 1, "present", None, None, now, now, b"", b"", new, new.text(), orjson.dumps(wire).decode()
            )  # fmt: skip
            await save_snapshots(tx, company, [snapshot])
    values = {
        "4711 Quince Wynd", "Zelienople", "Oregonia", "98765-4321", "GBR", "1961-07-29", "1961-07-28",
        "123.45", "87.65", "99.87", "4710 Bygone", "salary", "Annexe Q", "31 Unknown", "32 Unheard",
    }  # fmt: skip
    fields = frozenset({*ADDRESS, "birth_date", "pay_type", "bill_rate", "cost_rate"})
    return Known(path, staged, other, plan, frozenset(values), fields)


async def _sent(admin: World, company: UUID, record: UUID, account: UUID, wire: dict[str, Any]) -> None:
    """A call that carried this person, and was answered."""
    call, push = uuid4(), uuid4()
    answer = {
        "status": 400,
        "code": "6240",
        "trace_id": "1-a",
        "remote_text": "salary",
        "body": {"Employee": wire},
    }
    async with admin.syncer.transaction([company]) as tx:
        await tx.execute(
            """
            INSERT INTO calls (company_id, call_id, account_id, action, method, path, headers, body, members, state, answers)
            VALUES ($1, $2, $3, 'update', 'POST', '/employee', '{}', $4, ARRAY[$5::uuid], 'answered', $6)
            """,
            company, call, account, orjson.dumps(wire).decode(), push, orjson.dumps({str(push): answer}).decode(),
        )  # fmt: skip
        await tx.execute(
            """
            INSERT INTO pushes (company_id, push_id, record_id, account_id, lane, state, call_id)
            VALUES ($1, $2, $3, $4, 'bulk', 'done', $5)
            """,
            company, push, record, account, call,
        )  # fmt: skip


async def _planned(admin: World, company: UUID, record: UUID, new: Employee) -> UUID:
    """A plan that creates this person, who would get another pay if it were made now."""
    plan, push = uuid4(), uuid4()
    values = new.model_dump(mode="json", include={*PRIVATE, "title"})
    fields = {name: {"before": None, "after": value} for name, value in values.items() if value is not None}
    row = PlanRecord(record, PlanAction.CREATE, push, 2, fields=fields)
    asked = Push(push, record, uuid4(), PushState.WAITING)
    async with admin.syncer.transaction([company]) as tx:
        await plans.add_part(tx, company, plan, uuid4(), PlanKind.PERSON, "ann", 1, 1)
        await plans.add_records(tx, company, plan, [row])
        await plan_steps.save_applied(
            tx, company, plan, [Applied(row, held=asked, field="pay_type", moved=fields)]
        )
    return plan


def _past(
    record: UUID, other: UUID, accounts: tuple[UUID, UUID], old: Employee, new: Employee
) -> Iterator[Body]:
    """Staged, changed, linked, planned and pushed."""
    source, destination = accounts
    now, push, basis = (
        datetime.now(UTC),
        uuid4(),
        Basis(source_rev=2, settings_version=1, destination_account_id=destination),
    )
    values = new.model_dump(mode="json", include=set(PRIVATE))
    before = old.model_dump(mode="json", include=set(PRIVATE))
    moved = {n: Change(before=before[n], after=v) for n, v in values.items() if v is not None}
    moved["title"] = Change(before=None, after="Clerk")
    seen = {"remote_id": "x", "requested_at": now, "answered_at": now, "cause": Cause.READ}
    yield EmployeeChanged(record_id=record, account_id=source, rev=2, employee=new, changes=moved, **seen)
    yield EmployeeStaged(record_id=other, account_id=destination, rev=1, employee=new, **seen)
    yield RecordLinked(
        record_id=record, account_id=source, destination_account_id=destination, link_rev=1, source_rev=2,
        destination_record_id=other, destination_remote_id="x", origin="auto",
    )  # fmt: skip
    planned = {
        name: PlannedChange(before=change.before, after=change.after) for name, change in moved.items()
    }
    yield PushPlanned(record_id=record, push_id=push, action="update", fields=planned, basis=basis)
    yield PushSucceeded(
        record_id=record, push_id=push, action="update", destination_account_id=destination,
        destination_record_id=other, destination_remote_id="x", remote_version="1", requested_at=now, answered_at=now,
        employee=new, source_rev=2,
    )  # fmt: skip
    answer = RemoteAnswer(400, "6240", "1-a", "salary")
    status = RecordStatus(status_rev=1000, status="needs_action", reason="duplicate_name", answer=answer)
    yield PushFailed(
        record_id=record, push_id=push, action="update", reason="duplicate_name", retryable=False, answer=answer,
        record_status=status,
    )  # fmt: skip


async def _key(admin: World, known: Known, role: str) -> dict[str, str]:
    made = await admin.call("POST", f"{known.path}/api-keys", json={"name": role, "role": role}, expected=201)
    return {"Authorization": f"Bearer {made['key']}", "Cookie": ""}


async def _walk(admin: World, known: Known, role: str) -> dict[str, set[str]]:
    """By endpoint: the private values in its answer. Every endpoint of the document is asked, with every method."""
    document = (await admin.http.get("/v1/openapi.json")).json()
    headers, found = await _key(admin, known, role), {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method not in operations or path == STREAM or (method != "get" and role == "admin"):
                continue
            address = path.replace("{company}", known.path.rsplit("/", 1)[-1])
            address = address.replace("{record}", str(known.source)).replace("{plan}", str(known.plan))
            address = address.replace("{destination_record}", str(known.destination))
            answer = await admin.http.request(
                method,
                address.format_map(_Ids()),
                headers=headers,
                json={} if method in ("post", "put", "patch") else None,
            )
            assert answer.status_code < 500, (path, answer.text)
            if path in HOLDS_THEM and method == "get":
                assert answer.status_code == 200, answer.text
            if values := known.found(answer.text):
                found[f"{method} {path}"] = values
    return found


class _Ids(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return str(uuid4())


async def test_no_endpoint_answers_a_viewer_a_private_value_and_an_administrator_gets_them_all(
    admin: World,
) -> None:
    known = await _known(admin)
    assert await _walk(admin, known, "viewer") == {}
    seen = await _walk(admin, known, "admin")
    assert {path.removeprefix("get ") for path in seen} == HOLDS_THEM
    assert set().union(*seen.values()) == known.values
    assert set().union(*(await _walk(admin, known, "operator")).values()) == known.values
    assert set(ViewChanged.model_fields) == {"company_id", "position", "records", "runs"}


@pytest.mark.parametrize("hide_from_operators", [True])
async def test_an_installation_may_hide_them_from_operators_too(admin: World) -> None:
    known = await _known(admin)
    assert await _walk(admin, known, "operator") == {}
    assert set().union(*(await _walk(admin, known, "admin")).values()) == known.values


async def test_of_a_candidate_a_hidden_field_says_how_it_agrees_and_no_value(admin: World) -> None:
    """And the destination is not found by what is hidden."""
    known = await _known(admin)
    place = f"{known.path}/records/{known.source}/candidates"
    shown = {}
    for role in ("viewer", "operator"):
        (one,) = (await admin.call("GET", place, headers=await _key(admin, known, role)))["candidates"]
        assert one["bits"] == round(one["start"] + sum(p["bits"] for p in one["parts"]), 2)
        shown[role] = {p["field"]: (p["text"], p["source"], p["destination"]) for p in one["parts"]}
    private = {"birth_date", "postal_code", "city", "street", "house_number"}
    assert private < shown["viewer"].keys() == shown["operator"].keys()
    withheld = {f for f, (_, *values) in shown["viewer"].items() if values == [None, None]}
    assert withheld - {"address"} == private, "the limit of an address has no value"
    assert shown["operator"]["birth_date"] == ("equal", "1961-07-29", "1961-07-29")
    assert {f: text for f, (text, *_) in shown["viewer"].items()} == {
        f: text for f, (text, *_) in shown["operator"].items()
    }
    for value in known.values:
        for path in ("/directory", "/cases", "/links", "/orphans", "/excluded"):
            found = await admin.call("GET", f"{known.path}{path}", params={"q": value})
            assert found["items"] == [], (path, value)


async def test_a_plan_names_the_fields_that_a_role_does_not_see(admin: World) -> None:
    known = await _known(admin)
    viewer = {"headers": await _key(admin, known, "viewer")}
    (shown,) = (await admin.call("GET", f"{known.path}/plans/{known.plan}/records", **viewer))["items"]
    assert (list(shown["fields"]), list(shown["moved"])) == (["title"], ["title"])
    assert set(shown["hidden"]) == PRIVATE & (known.fields | {"address_country"})
    query = {"params": {"q": "123.45"}, **viewer}
    assert (await admin.call("GET", f"{known.path}/plans/{known.plan}/records", **query))["items"] == []


async def test_a_hidden_value_is_named_as_hidden_and_is_not_there(admin: World) -> None:
    known = await _known(admin)
    record = f"{known.path}/records/{known.source}"
    viewer = {"headers": await _key(admin, known, "viewer")}

    detail = await admin.call("GET", record, **viewer)
    assert detail["hidden"] == sorted(PRIVATE)
    assert not PRIVATE & (detail["employee"].keys() | detail["destination_employee"].keys())
    assert detail["employee"]["title"] == "Clerk"
    entries = (await admin.call("GET", f"{record}/timeline", **viewer))["items"]
    (changed,) = (e for e in entries if e["type"] == "employee.changed")
    assert set(changed["hidden"]) == known.fields and changed["changes"].keys() == {"title"}
    shown = await admin.call("GET", f"{record}/json", **viewer)
    assert shown["hidden"] == sorted(PRIVATE) and shown["staged"]["title"] == "Clerk"
    assert shown["source"]["payload"]["title"] == "Clerk"
    expected = {"address", "birth_date", "cost_rate", "home_office", "hourly_rate", "pay_type"}
    assert set(shown["source"]["hidden"]) == expected
    hidden = ["BillRate", "BirthDate", "CostRate", "Custom", "PrimaryAddr"]
    assert shown["destination"]["hidden"] == shown["request"]["hidden"] == shown["answer"]["hidden"] == hidden
    assert shown["request"]["body"]["GivenName"] == shown["answer"]["body"]["GivenName"]
    assert (shown["answer"]["code"], shown["answer"]["trace_id"], shown["answer"]["remote_text"]) == (
        "6240",
        "1-a",
        "",
    )
    assert (detail["answer"]["code"], detail["answer"].get("remote_text", "")) == ("6240", "")


async def test_an_administrator_sees_all_and_a_value_that_is_not_known_is_left_out(admin: World) -> None:
    known = await _known(admin)
    record = f"{known.path}/records/{known.source}"
    detail = await admin.call("GET", record)
    assert detail["hidden"] == [] and detail["employee"]["birth_date"] == "1961-07-29"
    assert "honorific" not in detail["employee"]
    shown = await admin.call("GET", f"{record}/json")
    assert (shown["hidden"], shown["source"]["hidden"], shown["destination"]["hidden"]) == ([], [], [])
