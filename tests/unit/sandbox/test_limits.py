"""Limits, metering and the shapes of what refuses: the QuickBooks stand-in under load and in trouble."""

import asyncio
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import httpx
import pytest

from sandbox.quickbooks.switches import REAL
from tests.unit.sandbox.conftest import BASE, REALM, QuickBooks, code

NS = {"q": "http://schema.intuit.com/finance/v3"}


async def company(qbo: QuickBooks) -> httpx.Response:
    return await qbo.http.get(f"{BASE}/companyinfo/{REALM}")


def parsed(answer: httpx.Response) -> Element:
    return fromstring(answer.text)  # noqa: S314  (our own sandbox wrote it)


async def highest(qbo: QuickBooks) -> dict[str, int]:
    found = (await qbo.http.get("/admin/limits")).json()[REALM]
    return dict(found["highest"])


async def test_ten_calls_a_second_and_no_more(qbo: QuickBooks) -> None:
    await qbo.set(**REAL)
    statuses = [(await company(qbo)).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    qbo.clock.now += 1.01
    assert (await company(qbo)).status_code == 200
    assert (await highest(qbo))["requests_per_second"] == 11


async def test_five_hundred_calls_in_any_minute(qbo: QuickBooks) -> None:
    await qbo.set(**REAL)
    for _ in range(500):
        assert (await company(qbo)).status_code == 200
        qbo.clock.now += 0.11
    assert (await company(qbo)).status_code == 429
    assert (await highest(qbo))["requests_per_minute"] == 501
    qbo.clock.now += 10
    assert (await company(qbo)).status_code == 200


async def test_forty_batches_a_minute_on_a_faster_clock(qbo: QuickBooks) -> None:
    await qbo.set(**REAL, time_scale=60)
    for _ in range(40):
        assert (await qbo.post("/batch", {"BatchItemRequest": []})).status_code == 200
        qbo.clock.now += 0.01
    assert (await qbo.post("/batch", {"BatchItemRequest": []})).status_code == 429
    qbo.clock.now += 0.8
    assert (await qbo.post("/batch", {"BatchItemRequest": []})).status_code == 200
    assert (await highest(qbo))["batches_per_minute"] == 41


async def test_ten_at_once(qbo: QuickBooks) -> None:
    await qbo.set(concurrent_requests=10)
    rules = [{"match": {"operation": "companyinfo"}, "action": "latency", "seconds": 0.05}]
    await qbo.http.put("/admin/faults", json={"rules": rules})
    answers = await asyncio.gather(*(company(qbo) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 2
    assert (await highest(qbo))["concurrent_requests"] == 10
    await qbo.http.post("/admin/reset")
    assert (await highest(qbo))["concurrent_requests"] == 0


async def test_companies_have_limits_of_their_own(qbo: QuickBooks) -> None:
    await qbo.set(requests_per_minute=1)
    assert (await company(qbo)).status_code == 200
    assert (await company(qbo)).status_code == 429
    headers = {"Authorization": "Bearer other"}
    qbo.sandbox.store.db.execute("INSERT INTO tokens VALUES ('other', 'access', '77', 9e15, 0, NULL)")
    other = await qbo.http.get("/v3/company/77/companyinfo/77", headers=headers)
    assert other.status_code == 200


async def test_a_throttle_answers_json_or_xml_with_or_without_a_time(qbo: QuickBooks) -> None:
    await qbo.set(requests_per_minute=1)
    await company(qbo)
    plain = await company(qbo)
    assert plain.json()["Fault"]["Error"][0]["code"] == "3001"
    assert "retry-after" not in plain.headers
    await qbo.set(throttle_shape="xml", throttle_retry_after=7)
    answer = await company(qbo)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    error = parsed(answer).find("q:Fault/q:Error", NS)
    assert error is not None and error.get("code") == "3001"


async def test_reads_are_metered_and_capped_and_writes_are_free(qbo: QuickBooks) -> None:
    await qbo.set(core_plus_per_month=4)
    items: list[dict[str, Any]] = [
        {"bId": "1", "operation": "create", "Employee": {"GivenName": "Ana"}},
        {"bId": "2", "operation": "create", "Employee": {"GivenName": "Bea"}},
        {"bId": "3", "Query": "select * from Employee"},
    ]
    await qbo.post("/batch", {"BatchItemRequest": items})
    await qbo.create(GivenName="Cyd")
    for _ in range(3):
        assert (await company(qbo)).status_code == 200
    assert (await company(qbo)).status_code == 429
    await qbo.create(GivenName="Dov")
    found = (await qbo.http.get("/admin/metering")).json()["metered"]
    assert {(m["month"], m["kind"]): m["calls"] for m in found} == {
        ("2026-11", "core"): 4,
        ("2026-11", "core_plus"): 5,
    }


async def test_without_accept_an_answer_is_xml(qbo: QuickBooks) -> None:
    made = await qbo.create(GivenName="Zoë <&>", PrimaryPhone={"FreeFormNumber": "1"})
    for accept in ("*/*", "application/xml"):
        answer = await qbo.http.get(f"{BASE}/employee/{made['Id']}", headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/xml"
        found = parsed(answer).find("q:Employee", NS)
        assert found is not None and found.get("domain") == "QBO"
        assert found.findtext("q:GivenName", namespaces=NS) == "Zoë <&>"
        assert found.findtext("q:PrimaryPhone/q:FreeFormNumber", namespaces=NS) == "1"
    await qbo.set(xml_without_accept=False)
    assert (await qbo.http.get(f"{BASE}/employee/1", headers={"Accept": "*/*"})).json()["Employee"]


@pytest.mark.parametrize(
    ("status", "shape", "expected"),
    [
        (429, "json", b'"code":"3001"'),
        (401, "gateway", b'"type":"AUTHENTICATION"'),
        (503, "xml", b'code="10000"'),
        (502, "html", b"<h1>502 Error</h1>"),
    ],
)
async def test_a_status_comes_in_every_shape(
    qbo: QuickBooks, status: int, shape: str, expected: bytes
) -> None:
    await qbo.http.put(
        "/admin/faults", json={"rules": [{"action": "status", "status": status, "shape": shape}]}
    )
    answer = await company(qbo)
    assert answer.status_code == status
    assert expected in answer.content
    assert (await qbo.post("/employee", {"GivenName": "Ana"})).status_code == status
    await qbo.http.put("/admin/faults", json={"rules": []})
    assert (await qbo.query("select count(*) from Employee"))["QueryResponse"] == {"totalCount": 0}


async def test_a_good_status_may_hold_a_fault(qbo: QuickBooks) -> None:
    rules = [{"match": {"operation": ["read", "create"]}, "action": "fault", "code": "5010", "status": 200}]
    await qbo.http.put("/admin/faults", json={"rules": rules})
    for answer in (
        await qbo.post("/employee", {"GivenName": "Ana"}),
        await qbo.http.get(f"{BASE}/employee/1"),
    ):
        assert answer.status_code == 200
        assert answer.json()["Fault"]["Error"][0]["Message"] == "Stale Object Error"


async def test_answers_can_be_thin(qbo: QuickBooks) -> None:
    people = [{"GivenName": f"P{n}"} for n in range(5)]
    await qbo.http.post("/admin/seed", json={"employees": people})

    async def arm(operation: str, action: str) -> None:
        rules = [{"match": {"operation": operation}, "action": action}]
        await qbo.http.put("/admin/faults", json={"rules": rules})

    await arm("query", "truncate")
    found = (await qbo.query("select * from Employee"))["QueryResponse"]
    assert (len(found["Employee"]), found["maxResults"]) == (2, 2)
    await arm("query", "empty")
    assert (await qbo.query("select * from Employee"))["QueryResponse"] == {}
    await arm("cdc", "empty")
    asked = {"entities": "Employee", "changedSince": "2026-11-23"}
    answer = (await qbo.http.get(f"{BASE}/cdc", params=asked)).json()
    assert answer["CDCResponse"] == [{"QueryResponse": [{}]}]
    await arm("batch", "truncate")
    items = [{"bId": str(n), "operation": "create", "Employee": {"GivenName": f"B{n}"}} for n in range(4)]
    made = (await qbo.post("/batch", {"BatchItemRequest": items}, requestid="b")).json()
    assert len(made["BatchItemResponse"]) == 2
    await qbo.http.put("/admin/faults", json={"rules": []})
    again = (await qbo.post("/batch", {"BatchItemRequest": items}, requestid="b")).json()
    assert {item["bId"] for item in again["BatchItemResponse"]} == {"0", "1", "2", "3"}


async def test_a_scenario_changes_all_or_nothing(qbo: QuickBooks) -> None:
    scenario = {
        "switches": {"time_scale": 30},
        "companies": {REALM: {"payroll": True}},
        "rules": [{"match": {"operation": "read"}, "action": "status", "status": 503}],
    }
    assert (await qbo.http.put("/admin/scenario", json=scenario)).status_code == 200
    names = (await company(qbo)).json()["CompanyInfo"]["NameValue"]
    assert {"Name": "PayrollFeature", "Value": "true"} in names
    assert (await qbo.http.get(f"{BASE}/employee/1")).status_code == 503
    wrongs: tuple[dict[str, Any], ...] = (
        {"switches": {"time_scale": 5, "no_such": 1}},
        {"switches": {"time_scale": "fast"}},
        {"switches": {"time_scale": 5}, "companies": {"78": {}}},
        {"switches": {"time_scale": 5}, "companies": {REALM: {"payroll": "yes"}}},
        {"switches": {"time_scale": 5}, "rules": [{"action": "melt"}]},
        {"switch": {}},
    )
    for wrong in wrongs:
        refused = await qbo.http.put("/admin/scenario", json=wrong)
        assert refused.status_code == 422, wrong
    assert (await qbo.http.get("/admin/switches")).json()["time_scale"] == 30


async def test_a_storm_begins_and_ends(qbo: QuickBooks) -> None:
    now = [100.0]
    qbo.sandbox.faults.clock = lambda: now[0]
    rule = {"action": "status", "status": 429, "from_seconds": 5, "for_seconds": 10}
    await qbo.http.put("/admin/faults", json={"rules": [rule]})
    seen = []
    for at in (100.0, 105.0, 114.9, 115.0):
        now[0] = at
        seen.append((await company(qbo)).status_code)
    assert seen == [200, 429, 429, 200]


async def test_bad_calls_say_why(qbo: QuickBooks) -> None:
    text = {"Content-Type": "text/plain", "Accept": "application/json"}
    plain = await qbo.http.post(f"{BASE}/employee", content=b"{}", headers=text)
    assert code(plain) == "1050"
    assert code(await qbo.post("/batch", {"BatchItemRequest": {}})) == "2010"
    assert code(await qbo.post("/batch", {"BatchItemRequest": ["x"]})) == "2010"
    assert code(await qbo.post("/batch", {"BatchItemRequest": []}, requestid="x" * 37)) == "2050"
    assert code(await qbo.post("/employee", {"Id": "x", "GivenName": "A"})) == "2030"
    assert code(await qbo.post("/employee", {"Id": "1"}, operation="delete")) == "500"
    for path, body in (
        ("/admin/faults", b"[]"),
        ("/admin/faults", b"{}"),
        ("/admin/switches", b"nonsense"),
        ("/admin/company", b'{"payroll": 1}'),
    ):
        assert (await qbo.http.put(path, content=body)).status_code == 422
    assert (await qbo.http.get("/admin/journal", params={"limit": "many"})).status_code == 422
    assert (await qbo.http.get("/admin/limits", headers={"X-Sandbox-Admin": "é".encode()})).status_code == 403


async def test_a_lapsed_subscription_reads_and_refuses_writes(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana")
    await qbo.http.put("/admin/company", json={"subscription_lapsed": True})
    assert code(await qbo.post("/employee", {"GivenName": "Bea"})) == "6190"
    assert (await qbo.http.get(f"{BASE}/employee/1")).status_code == 200


async def test_a_page_shows_what_calls_cost_and_how_near_the_limits_are(qbo: QuickBooks) -> None:
    auth = ("", "admin")
    assert "No call has come yet." in (await qbo.http.get("/usage", auth=auth)).text
    await qbo.set(**REAL)
    for _ in range(3):
        await company(qbo)
    shown = (await qbo.http.get("/usage", auth=auth)).text
    assert "<td>reads</td><td>3</td>" in shown
    assert "limit 500" in shown
    assert (await qbo.http.get("/usage", auth=("", "no"))).status_code == 401
