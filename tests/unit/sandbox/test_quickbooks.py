"""The QuickBooks stand-in over HTTP, in process."""

import gzip
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from sandbox.quickbooks.app import make_app
from sandbox.quickbooks.bodies import LARGEST
from sandbox.quickbooks.tokens import ANY, Client, Tokens
from sandbox.store import Store
from tests.unit.sandbox.conftest import BASE, BASIC, REALM, QuickBooks, code


async def test_create_fills_in_defaults_and_read_answers_the_same(qbo: QuickBooks) -> None:
    made = await qbo.create(
        Title="Ms.",
        GivenName="Ottoline",
        MiddleName="",
        FamilyName="Vassbakk",
        SyncToken=0,
        SSN="123-45-6789",
        PrimaryAddr={"City": "Millbridge", "Line1": ""},
    )
    assert made["DisplayName"] == made["PrintOnCheckName"] == "Ms. Ottoline Vassbakk"
    assert (made["Id"], made["SyncToken"], made["SSN"]) == ("1", "0", "XXX-XX-XXXX")
    assert made["Active"] is True
    assert "MiddleName" not in made
    assert set(made["PrimaryAddr"]) == {"Id", "City"}
    assert made["MetaData"]["CreateTime"] == "2026-11-23T03:07:31-08:00"
    answer = await qbo.http.get(f"{BASE}/employee/1")
    assert answer.json()["Employee"] == made
    assert answer.headers["intuit_tid"]
    assert code(await qbo.http.get(f"{BASE}/employee/99")) == "610"


async def test_a_full_update_clears_what_it_leaves_out(qbo: QuickBooks) -> None:
    made = await qbo.create(GivenName="Ana", FamilyName="Silva", EmployeeNumber="E-1", SSN="123-45-6789")
    body = {"Id": made["Id"], "SyncToken": "0", "GivenName": "Ana", "FamilyName": "Souza", "sparse": True}
    changed = (await qbo.post("/employee", body, operation="update")).json()["Employee"]
    assert changed["SyncToken"] == "1"
    assert changed["DisplayName"] == "Ana Souza"
    assert "EmployeeNumber" not in changed
    assert "SSN" not in changed


async def test_a_stale_sync_token_is_5010_and_changes_nothing(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana", FamilyName="Silva")
    update = {"Id": "1", "SyncToken": "0", "GivenName": "Ann", "FamilyName": "Silva"}
    assert (await qbo.post("/employee", update)).status_code == 200
    assert code(await qbo.post("/employee", {**update, "GivenName": "Anna"})) == "5010"
    assert (await qbo.http.get(f"{BASE}/employee/1")).json()["Employee"]["GivenName"] == "Ann"


async def test_a_repeated_display_name_is_6240_whatever_its_case(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Zoë", FamilyName="O'Brien")
    assert code(await qbo.post("/employee", {"GivenName": "ZOË", "FamilyName": "o'brien"})) == "6240"
    assert (await qbo.post("/employee", {"GivenName": "Zoe", "FamilyName": "O'Brien"})).status_code == 200


async def test_vendors_and_customers_hold_names_too(qbo: QuickBooks) -> None:
    await qbo.http.post(
        "/admin/seed", params={"list": "Vendor"}, json={"employees": [{"DisplayName": "Ana Silva"}]}
    )
    assert code(await qbo.post("/employee", {"GivenName": "Ana", "FamilyName": "silva"})) == "6240"
    found = await qbo.query("select * from Vendor where DisplayName = 'ana silva'")
    assert [vendor["Id"] for vendor in found["QueryResponse"]["Vendor"]] == ["1"]
    assert (await qbo.query("select * from Customer"))["QueryResponse"] == {}


async def test_deactivation_renames_and_holds_or_frees_the_name(qbo: QuickBooks) -> None:
    made = await qbo.create(GivenName="Bo", FamilyName="Pike")
    await qbo.post("/employee", {**made, "Active": False})
    assert code(await qbo.post("/employee", {"GivenName": "bo", "FamilyName": "Pike"})) == "6240"
    back = await qbo.post("/employee", {**made, "SyncToken": "1", "Active": True})
    assert back.json()["Employee"]["DisplayName"] == "Bo Pike"
    await qbo.post("/employee", {**made, "SyncToken": "2", "Active": False})
    await qbo.set(inactive_hold_names=False)
    for n in range(2):
        made = await qbo.create(GivenName="Bram", FamilyName="Pike")
        gone = (await qbo.post("/employee", {**made, "Active": False})).json()["Employee"]
        assert gone["DisplayName"] == ("Bram Pike (deleted)", "Bram Pike (deleted 2)")[n]
        assert gone["PrintOnCheckName"] == "Bram Pike"
    assert (await qbo.query("select * from Employee"))["QueryResponse"] == {}
    shown = await qbo.query(
        "select * from Employee where DisplayName like 'bram pike (deleted%' and Active in (true,false)"
    )
    assert len(shown["QueryResponse"]["Employee"]) == 2
    assert (await qbo.create(GivenName="Bo", FamilyName="Pike"))["Id"] == "4"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"DisplayName": "Nobody"}, "2020"),
        ({"GivenName": "x" * 101}, "2050"),
        ({"GivenName": "A", "Title": "x" * 17}, "2050"),
        ({"GivenName": "A", "PrimaryPhone": {"FreeFormNumber": "1" * 21}}, "2050"),
        ({"GivenName": "A:B"}, "2040"),
        ({"GivenName": "A", "DisplayName": "A\tB"}, "2040"),
        ({"GivenName": "A", "PrimaryEmailAddr": {"Address": "nowhere"}}, "2210"),
        ({"GivenName": "A", "Nickname": "Al"}, "2010"),
        ({"GivenName": "A", "Gender": "robot"}, "2170"),
        *(
            ({"GivenName": "A", "HiredDate": odd}, "2090")
            for odd in (
                "11/23/2026",
                "20261123",
                "2026-W47-1",
                "2026-11-23T00:00:00Z",
                "2026-02-30",
                "2026-11-23Q",
            )
        ),
        ({"GivenName": "A", "SSN": "XXX-XX-XXXX"}, "2010"),
    ],
)
async def test_validation(qbo: QuickBooks, fields: dict[str, Any], expected: str) -> None:
    assert code(await qbo.post("/employee", fields)) == expected


@pytest.mark.parametrize("zone", ["", "Z", "-08:00", "+05:30"])
async def test_a_date_may_have_a_zone(qbo: QuickBooks, zone: str) -> None:
    assert (await qbo.create(GivenName="Ana", HiredDate=f"2026-11-23{zone}"))["HiredDate"] == "2026-11-23"


XML = (
    '<?xml version="1.0" encoding="UTF-8"?>{}<Employee xmlns="http://schema.intuit.com/finance/v3" domain="QBO" sparse="false">'
    "<GivenName>Zoë</GivenName><FamilyName>Li</FamilyName><BillableTime>true</BillableTime><BillRate>92.5</BillRate>"
    "<PrimaryAddr><Line1>1 Row</Line1><City>Mill</City></PrimaryAddr></Employee>"
)
BATCH = (
    '<IntuitBatchRequest xmlns="http://schema.intuit.com/finance/v3"><BatchItemRequest bId="b1" operation="create">'
    "<Employee><GivenName>Ana</GivenName></Employee></BatchItemRequest></IntuitBatchRequest>"
)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["application/json", "application/xml", "text/xml;charset=UTF-8"])
async def test_bodies_are_json_or_xml_and_may_be_compressed(
    qbo: QuickBooks, kind: str, *, packed: bool
) -> None:
    """The same employee comes of each; it is changed in the same form."""
    as_json = orjson.dumps({
        "GivenName": "Zoë", "FamilyName": "Li", "BillableTime": True, "BillRate": 92.5,
        "PrimaryAddr": {"Line1": "1 Row", "City": "Mill"},
    })  # fmt: skip
    raw = as_json if "json" in kind else XML.format("").encode()
    headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if packed else {})
    sent = gzip.compress(raw, mtime=0) if packed else raw
    answer = await qbo.http.post(f"{BASE}/employee", content=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    made = answer.json()["Employee"]
    assert (made["DisplayName"], made["BillableTime"], made["BillRate"]) == ("Zoë Li", True, 92.5)
    assert (made["PrimaryAddr"]["Line1"], made["PrimaryAddr"]["City"]) == ("1 Row", "Mill")


@pytest.mark.parametrize(("strict", "kept"), [(True, None), (False, 92.5)])
async def test_a_bill_rate_is_taken_only_of_someone_billable(
    qbo: QuickBooks, *, strict: bool, kept: float | None
) -> None:
    """And nothing in the answer says that it was dropped."""
    qbo.sandbox.switches["rate_needs_flag"] = strict
    answer = await qbo.post("/employee", {"GivenName": "Ana", "BillRate": 92.5})
    assert (answer.status_code, answer.json()["Employee"].get("BillRate")) == (200, kept)
    billable = await qbo.post("/employee", {"GivenName": "Bea", "BillRate": 92.5, "BillableTime": True})
    assert billable.json()["Employee"]["BillRate"] == 92.5


async def test_a_batch_of_one_in_xml(qbo: QuickBooks) -> None:
    headers = {"Content-Type": "application/xml", "Content-Encoding": "gzip"}
    answer = await qbo.http.post(f"{BASE}/batch", content=gzip.compress(BATCH.encode()), headers=headers)
    (item,) = answer.json()["BatchItemResponse"]
    assert (item["bId"], item["Employee"]["DisplayName"]) == ("b1", "Ana")


@pytest.mark.parametrize(
    ("kind", "packed", "raw"),
    [
        ("application/json", True, b'{"GivenName": "A"}'),
        ("application/json", True, gzip.compress(b'{"GivenName": "A"}', mtime=0)[:-9]),
        ("application/json", True, gzip.compress(bytes(LARGEST + 1))),
        ("application/xml", False, b"<Employee>"),
        ("application/xml", False, b"<Employee/>"),
        ("application/xml", False, XML.format("<!DOCTYPE a [<!ENTITY b 'c'>]>").encode()),
    ],
)
async def test_a_body_that_cannot_be_unfolded_or_read_is_refused(
    qbo: QuickBooks, kind: str, raw: bytes, *, packed: bool
) -> None:
    headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if packed else {})
    for path in ("/employee", "/batch"):
        assert code(await qbo.http.post(BASE + path, content=raw, headers=headers)) == "2010"


async def test_a_request_id_answers_the_first_answer_again_for_a_day(qbo: QuickBooks) -> None:
    first = await qbo.post("/employee", {"GivenName": "Ana"}, requestid="r-1")
    again = await qbo.post("/employee", {"GivenName": "Somebody else"}, requestid="r-1")
    assert again.content == first.content
    refused = await qbo.post("/employee", {"GivenName": "Ana"}, requestid="r-2")
    assert (await qbo.post("/employee", {"GivenName": "Bea"}, requestid="r-2")).content == refused.content
    journal = (await qbo.http.get("/admin/journal", params={"after": 0})).json()["entries"]
    assert [entry["outcome"] for entry in journal] == ["applied", "replayed", "refused", "replayed"]
    assert journal[0]["body"] == {"GivenName": "Ana"}
    qbo.clock.now += 24 * 3600 + 1
    Tokens(qbo.sandbox).keep("next-day", "access", REALM, 3600)
    qbo.http.headers["Authorization"] = "Bearer next-day"
    late = await qbo.post("/employee", {"GivenName": "Cyd"}, requestid="r-1")
    assert late.json()["Employee"]["Id"] == "2"


async def test_a_batch_mixes_answers_and_faults(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana", FamilyName="Silva")
    items = [
        {"bId": "one", "operation": "create", "Employee": {"GivenName": "Bea"}},
        {"bId": "two", "operation": "create", "Employee": {"GivenName": "Ana", "FamilyName": "Silva"}},
        {
            "bId": "three",
            "operation": "update",
            "Employee": {"Id": "1", "SyncToken": "7", "GivenName": "Ann"},
        },
        {"bId": "four", "Query": "select count(*) from Employee"},
        {"bId": "five", "operation": "create", "Employee": {"GivenName": "bea"}},
        {"bId": "six", "operation": "delete", "Employee": {"Id": "1"}},
    ]
    first = await qbo.post("/batch", {"BatchItemRequest": items}, requestid="b-1")
    found = {item["bId"]: item for item in first.json()["BatchItemResponse"]}
    faults = {bid: item["Fault"]["Error"][0]["code"] for bid, item in found.items() if "Fault" in item}
    assert first.status_code == 200
    assert faults == {"two": "6240", "three": "5010", "five": "6240", "six": "500"}
    assert found["one"]["Employee"]["Id"] == "2"
    assert found["four"]["QueryResponse"] == {"totalCount": 2}
    assert (await qbo.post("/batch", {"BatchItemRequest": []}, requestid="b-1")).content == first.content
    assert code(await qbo.post("/batch", {"BatchItemRequest": items[:1] * 31})) == "1040"


async def test_queries_page_in_the_order_of_creation(qbo: QuickBooks) -> None:
    people = [
        {"GivenName": f"P{n}", "FamilyName": "O'Brien" if n % 2 else "Núñez", "Active": n != 3}
        for n in range(12)
    ]
    await qbo.http.post("/admin/seed", json={"employees": people})
    page = await qbo.query(
        "select * from Employee where Active in (true,false) orderby MetaData.CreateTime startposition 9 maxresults 3"
    )
    assert [e["Id"] for e in page["QueryResponse"]["Employee"]] == ["9", "10", "11"]
    assert (page["QueryResponse"]["startPosition"], page["QueryResponse"]["maxResults"]) == (9, 3)

    async def ids(where: str) -> list[str]:
        found = await qbo.query(f"select * from Employee where {where}")
        return [e["Id"] for e in found["QueryResponse"].get("Employee", [])]

    assert await ids(r"FamilyName = 'o\'brien'") == ["2", "6", "8", "10", "12"]
    assert await ids("FamilyName LIKE 'NÚ%' and GivenName IN ('p0','P4','P5')") == ["1", "5"]
    assert await ids("Id IN ('12','3','x')") == ["3", "12"]
    assert await ids("GivenName LIKE 'P_'") == []
    assert await ids("Active = false") == ["4"]
    assert await ids("MetaData.LastUpdatedTime >= '2026-11-23T11:07:31Z'") != []
    assert await ids("MetaData.LastUpdatedTime > '2026-11-23T03:07:31-08:00'") == []
    assert (await qbo.query("select count(*) from Employee"))["QueryResponse"] == {"totalCount": 11}
    assert (await qbo.query("select * from Vendor where DisplayName = 'P0'"))["QueryResponse"] == {}
    posted = await qbo.http.post(f"{BASE}/query", content="select * from Employee maxresults 1")
    assert len(posted.json()["QueryResponse"]["Employee"]) == 1


async def test_only_a_live_token_of_the_realm_gets_in(qbo: QuickBooks) -> None:
    info = await qbo.http.get(f"{BASE}/companyinfo/{REALM}")
    assert info.json()["CompanyInfo"]["Country"] == "US"
    assert (await qbo.http.get("/v3/company/77/companyinfo/77")).status_code == 401
    qbo.clock.now += 3601
    expired = await qbo.http.get(f"{BASE}/employee/1")
    assert expired.status_code == 401
    assert expired.json()["fault"]["error"][0]["code"] == "3200"
    assert isinstance(expired.json()["time"], int)


async def test_faults_strike_as_configured(qbo: QuickBooks) -> None:
    rules = [
        {
            "match": {"operation": "create", "name_contains": "ana"},
            "action": "fault",
            "code": "6000",
            "count": 1,
        },
        {"match": {"operation": "create", "name_contains": "bea"}, "action": "timeout_after_commit"},
        {"match": {"operation": "query", "every": 2}, "action": "status", "status": 503, "retry_after": 3},
    ]
    assert (await qbo.http.put("/admin/faults", json={"rules": rules})).status_code == 200
    assert code(await qbo.post("/employee", {"GivenName": "Ana"})) == "6000"
    assert (await qbo.post("/employee", {"GivenName": "Ana"})).status_code == 200
    with pytest.raises(ConnectionResetError):
        await qbo.post("/employee", {"GivenName": "Bea"}, requestid="lost")
    again = await qbo.post("/employee", {"GivenName": "Cyd"}, requestid="lost-2")
    assert again.json()["Employee"]["Id"] == "3"
    statuses = [
        (await qbo.http.get(f"{BASE}/query", params={"query": "select * from Employee"})) for _ in range(2)
    ]
    assert [answer.status_code for answer in statuses] == [200, 503]
    assert statuses[1].headers["retry-after"] == "3"
    assert (await qbo.http.put("/admin/faults", json={"rules": [{"action": "melt"}]})).status_code == 422


async def test_rate_limits_answer_429_when_switched_on(qbo: QuickBooks) -> None:
    await qbo.http.put("/admin/switches", json={"requests_per_second": 2})
    answers = [await qbo.http.get(f"{BASE}/companyinfo/{REALM}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["Fault"]["Error"][0]["code"] == "3001"
    qbo.clock.now += 1.1
    assert (await qbo.http.get(f"{BASE}/companyinfo/{REALM}")).status_code == 200


async def test_admin_edits_by_hand_counts_and_resets(qbo: QuickBooks) -> None:
    assert (await qbo.http.get("/admin/counts", headers={"X-Sandbox-Admin": "no"})).status_code == 403
    people = [{"Id": "5", "GivenName": "Ana", "EmployeeNumber": "E-1"}, {"GivenName": "Bea"}]
    assert (await qbo.http.post("/admin/seed", json={"employees": people})).json()["ids"] == ["5", "6"]
    assert (await qbo.http.post("/admin/seed", json={"employees": people})).status_code == 409
    qbo.clock.now += 5
    edit = (
        await qbo.http.patch("/admin/employees/5", json={"EmployeeNumber": None, "Gender": "Female"})
    ).json()
    assert (edit["SyncToken"], edit["Gender"], "EmployeeNumber" in edit) == ("1", "Female", False)
    assert edit["MetaData"]["LastUpdatedTime"] > edit["MetaData"]["CreateTime"]
    page = (await qbo.http.get("/admin/employees", params={"after_id": "5"})).json()
    assert [e["Id"] for e in page["employees"]] == ["6"]
    counts = (await qbo.http.get("/admin/counts")).json()
    assert counts["employees"][REALM] == {"total": 2, "active": 2}
    assert counts["writes"][0]["operation"] == "hand_edit"
    await qbo.http.post("/admin/reset")
    assert (await qbo.http.get("/admin/counts")).json()["employees"] == {}


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    for start in range(2):
        store = Store(tmp_path / "q.db")
        app, sandbox = make_app(store, [REALM], Client(*BASIC))
        tokens = Tokens(sandbox)
        tokens.keep("seed-token", "refresh", ANY, 100)
        if start == 0:
            tokens.spend("seed-token")
            tokens.keep("live", "access", ANY, 100)
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": "Bearer live", "Accept": "application/json"}
        async with httpx.AsyncClient(transport=transport, base_url="http://qbo", headers=headers) as http:
            answer = await http.post(f"{BASE}/employee", json={"GivenName": "Ana"}, params={"requestid": "r"})
        assert answer.json()["Employee"]["Id"] == "1"
        assert tokens.scope("seed-token", "refresh") is None
        store.close()


async def test_people_that_cannot_be_stored_are_refused_and_nothing_is_kept(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana")
    for body in (
        {"DisplayName": 5},
        {"MetaData": 5, "GivenName": ["a"]},
        {"Active": "no", "DisplayName": {}},
    ):
        assert (await qbo.http.patch("/admin/employees/1", json=body)).status_code in (200, 422), body
    for people in ([5], [{"DisplayName": 5}], [{"GivenName": "Bea", "SyncToken": "x"}], [{"MetaData": 5}]):
        assert (await qbo.http.post("/admin/seed", json={"employees": people})).status_code == 422, people
    assert (await qbo.query("select count(*) from Employee"))["QueryResponse"] == {"totalCount": 1}
    assert await qbo.create(GivenName="Cyd")
