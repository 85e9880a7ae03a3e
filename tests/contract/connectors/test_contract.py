"""What both connectors promise, against both systems' sandboxes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.connectors.ports import Write
from shared.domain.employee import Remote
from shared.domain.reasons import CONNECTIONS, REASONS
from shared.errors import Conflict, RateLimited, Rejected, Unauthorized, Unavailable
from tests.support.eventually import eventually
from tests.support.systems import COMPANY, Side, directory, outcome, read, send, until_known

ANA = {"first_name": "Ana", "last_name": "Li", "number": "LN-1", "email": "ana@stone.example"}


async def test_a_credential_says_whose_it_is(side: Side) -> None:
    tenant = await side.connector().test()
    assert (tenant.tenant_id, tenant.features) == (side.scope, ())
    assert tenant.name


async def test_a_directory_is_read_to_its_end_with_everybody_once(side: Side) -> None:
    people = [side.person(f"P{n}", "Li", f"LN-{n}", active=n % 5 > 0) for n in range(2300)]
    ids = await side.seed(people)
    found = await directory(side.connector())
    assert [one.remote_id for one in found] == ids
    assert sum(one.employee.active is False for one in found) == 460
    assert {one.employee.number for one in found} == {f"LN-{n}" for n in range(2300)}


async def test_an_empty_directory_is_one_empty_page(side: Side) -> None:
    page = await side.connector().read_page(None)
    assert (list(page.records), page.cursor) == ([], None)


async def test_changes_since_a_watermark_are_those_and_no_others(side: Side) -> None:
    long_ago = (side.clock.now() - timedelta(days=2)).isoformat()
    old: dict[str, object] = {"updated_at": long_ago, "created_at": long_ago}
    if side.system == "quickbooks":
        old = {"MetaData": {"CreateTime": long_ago, "LastUpdatedTime": long_ago}}
    ids = await side.seed([{**side.person(f"P{n}", "Li"), **old} for n in range(50)])
    connector = side.connector()
    watermark = (await connector.read_page(None)).as_of - timedelta(seconds=5)
    (made,) = await send(connector, "key-new", Write("create", "i", ANA))
    await side.edit(ids[7], **side.person("Moved", "Li"))
    page = await connector.read_page(None, since=watermark)
    assert made.remote is not None
    assert {raw.remote_id for raw in page.records} == {ids[7], made.remote.remote_id}
    assert page.cursor is None


async def test_people_are_read_by_id_and_strangers_are_left_out(side: Side) -> None:
    ids = await side.seed([side.person(f"P{n}", "Li", active=n != 1) for n in range(3)])
    strange = "lin_999999" if side.system == "linarc" else "999999"
    found = await side.connector().read_many([*ids, strange, "no such id", "it's"])
    assert sorted(found) == sorted(ids)
    one = found[ids[1]]
    assert isinstance(one, Remote) and one.employee.active is False


async def test_a_creation_is_answered_whole_and_again_the_same_under_its_key(side: Side) -> None:
    connector = side.connector()
    call = connector.prepare("key-1", [Write("create", "i", ANA)])
    (first,), (again,) = await connector.send(call), await connector.send(call)
    assert first.remote is not None and again.remote is not None
    assert first.remote.remote_id == again.remote.remote_id
    assert first.remote.version is not None
    assert {n: getattr(first.remote.employee, n) for n in ANA} == ANA
    assert len(await side.rows()) == 1
    if side.system == "linarc":
        assert first.remote.employee.state == "draft"


async def test_an_update_changes_what_it_names_and_nothing_else(side: Side) -> None:
    (remote_id,) = await side.seed([rich(side)])
    before = (await side.rows())[remote_id]
    connector = side.connector()
    current = await read(connector, remote_id)
    fields: dict[str, object] = {"last_name": "Vane", "phone": None, "address_city": "Harrow"}
    (written,) = await send(connector, "key-1", Write("update", "i", fields, current))
    assert written.remote is not None
    assert written.remote.version != current.version
    assert (written.remote.employee.last_name, written.remote.employee.phone) == ("Vane", None)
    after = (await side.rows())[remote_id]
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    if side.system == "linarc":
        assert changed == {"etag", "updated_at", "last_name", "phone", "address"}
        assert after["address"] == {**before["address"], "city": "Harrow"}
    else:
        assert changed <= {
            "SyncToken",
            "MetaData",
            "FamilyName",
            "DisplayName",
            "PrimaryPhone",
            "PrimaryAddr",
        }
        assert after["SSN"] == before["SSN"] == "XXX-XX-XXXX"
        kept = {k: v for k, v in before["PrimaryAddr"].items() if k != "Id"}
        assert {k: v for k, v in after["PrimaryAddr"].items() if k != "Id"} == {**kept, "City": "Harrow"}


def rich(side: Side) -> dict[str, object]:
    """Somebody with more than we map."""
    if side.system == "linarc":
        address = {"line1": "1 Row", "city": "Mill", "state": "OR"}
        return {
            **side.person("Ilse", "Marrow", "LN-7"),
            "phone": "503-555-0142",
            "address": address,
            "title": "Lead",
        }
    return {
        **side.person("Ilse", "Marrow", "LN-7"),
        "Title": "Dr.",
        "SSN": "123-45-6789",
        "PrintOnCheckName": "I. Marrow",
        "Organization": True,
        "PrimaryAddr": {"Line1": "1 Row", "Line3": "Back", "City": "Mill", "PostalCode": "97009"},
        "PrimaryPhone": {"FreeFormNumber": "503-555-0142"},
        "BillableTime": True,
        "BillRate": 92.5,
    }


async def test_an_update_over_a_version_that_moved_is_a_conflict(side: Side) -> None:
    (remote_id,) = await side.seed([side.person("Ana", "Li")])
    connector = side.connector()
    current = await read(connector, remote_id)
    await side.edit(remote_id, **side.person("Anna", "Li"))
    (written,) = await send(connector, "key-1", Write("update", "i", {"last_name": "Vane"}, current))
    assert isinstance(written.error, Conflict)
    assert (await read(connector, remote_id)).employee.first_name == "Anna"


async def test_somebody_who_is_gone_says_so(side: Side) -> None:
    (remote_id,) = await side.seed([side.person("Ana", "Li")])
    connector = side.connector()
    current = await read(connector, remote_id)
    await side.merge_away(remote_id)
    (written,) = await send(connector, "key-1", Write("update", "i", {"last_name": "Vane"}, current))
    assert isinstance(written.error, Rejected)
    assert written.error.reason == "deleted_at_destination"
    assert await connector.read_many([remote_id]) == {}


async def test_people_leave_and_come_back_under_their_name(side: Side) -> None:
    (remote_id,) = await side.seed([side.person("Ana", "Li", "LN-1")])
    connector = side.connector()
    current = await read(connector, remote_id)
    (left,) = await send(connector, "key-1", Write("update", "i", {"active": False}, current))
    assert left.remote is not None and left.remote.employee.active is False
    assert (await read(connector, remote_id)).employee.active is False
    (back,) = await send(connector, "key-2", Write("update", "i", {"active": True}, left.remote))
    assert back.remote is not None and back.remote.employee.active is True
    person = back.remote.employee
    assert (person.first_name, person.last_name, person.number) == ("Ana", "Li", "LN-1")
    assert person.display_name in ("Ana Li", None)


async def test_one_refusal_does_not_touch_the_others(side: Side) -> None:
    await side.seed([side.person("Ana", "Li", "LN-1")])
    connector = side.connector()
    writes = [
        Write("create", f"item-{n}", {"first_name": f"P{n}", "last_name": "Li", "number": f"LN-{n + 10}"})
        for n in range(connector.batch_size * 2)
    ]
    bad = {"first_name": "P", "last_name": "Q", "email": "nobody"}
    writes[-1] = Write("create", writes[-1].push_id, bad)
    written = []
    for start in range(0, len(writes), connector.batch_size):
        written += await send(connector, f"key-{start}", *writes[start : start + connector.batch_size])
    assert [w.push_id for w in written] == [w.push_id for w in writes]
    assert [bool(w.remote) for w in written] == [True] * (len(writes) - 1) + [False]
    error = written[-1].error
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == ("invalid_email", "email")
    assert len(await side.rows()) == len(writes)


@pytest.mark.parametrize("trouble", ["timeout_after_commit", "cut", "cut_body"])
async def test_a_write_whose_answer_is_lost_happens_once(side: Side, trouble: str) -> None:
    operation = "batch" if side.system == "quickbooks" else "create"
    await side.faults(
        {"match": {"operation": operation, "every": 2}, "action": trouble, "after_commit": True}
    )
    connector = side.connector()
    size = max(2, connector.batch_size // 3) if connector.batch_size > 1 else 1
    for n in range(6):
        writes = [
            Write("create", f"{n}-{i}", {"first_name": f"P{n}", "last_name": f"L{i}"}) for i in range(size)
        ]
        written = await until_known(connector, connector.prepare(f"key-{n}", writes))
        assert all(w.remote for w in written)
    assert len(await side.rows()) == 6 * size


async def test_an_answer_that_is_lost_is_of_unknown_outcome(side: Side) -> None:
    await side.faults({"match": {"operation": "create"}, "action": "timeout_after_commit", "count": 1})
    connector = side.connector()
    with pytest.raises(Unavailable) as caught:
        await send(connector, "key-1", Write("create", "i", ANA))
    assert (caught.value.outcome_unknown, caught.value.reason) == (True, "outcome_unknown")
    found = await connector.find_created(Write("create", "i", ANA))
    assert found is not None and found.employee.number == "LN-1"
    assert await connector.find_created(Write("create", "i", {**ANA, "number": "LN-2"})) is None


@pytest.mark.parametrize("rule", [{"action": "truncate"}, {"action": "empty"}, {"action": "empty", "nth": 1}])
async def test_pages_with_people_missing_never_pass_for_the_whole_directory(
    side: Side, rule: dict[str, object]
) -> None:
    ids = await side.seed([side.person(f"P{n}", "Li") for n in range(1500)])
    nth = {"nth": rule["nth"]} if "nth" in rule else {}
    await side.faults({"match": {"operation": "query", **nth}, "action": rule["action"]})
    connector = side.connector()
    try:
        found = await directory(connector)
    except Unavailable:
        await side.faults()
        found = await directory(connector)
    assert [one.remote_id for one in found] == ids


async def test_who_asks_too_often_waits_and_all_wait_with_it(side: Side) -> None:
    await side.faults({"match": {}, "action": "status", "status": 429, "retry_after": 70, "count": 1})
    one, other = side.connector(), side.connector()
    with pytest.raises(RateLimited) as caught:
        await one.test()
    assert (caught.value.retry_after, caught.value.ours, caught.value.reason) == (70, False, "rate_limited")
    before = await side.calls()
    for connector in (one, other):
        with pytest.raises(RateLimited) as held:
            await connector.read_page(None)
        assert held.value.ours and 60 < held.value.retry_after <= 70
    assert await side.calls() == before


async def test_a_refused_credential_pauses_the_connection_and_nothing_else_is_sent(side: Side) -> None:
    connector = side.connector()
    await connector.test()
    if side.system == "linarc":
        wrong = (await side.vault.load(COMPANY, side.account.account_id)).model_copy(update={"api_key": "no"})
        await side.vault.save(COMPANY, side.account.account_id, wrong)
        connector = side.connector()
    else:
        await side.admin_post("/tokens/expire", kind="all")
    with pytest.raises(Unauthorized):
        await connector.test()
    (health,) = await side.vault.health(COMPANY)
    assert health.state == "reconnect"
    assert CONNECTIONS[health.state].fix
    before = await side.calls()
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await side.connector().read_page(None)
    assert await side.calls() == before
    await side.connect()
    assert (await side.connector().test()).tenant_id == side.scope


async def test_disconnecting_ends_it_for_connectors_that_are_open(side: Side) -> None:
    connector = side.connector()
    await connector.test()
    await side.vault.forget(COMPANY, side.account.account_id)

    async def state() -> str | None:
        try:
            await connector.test()
        except Unauthorized as error:
            return error.state
        return None

    assert await eventually(state, within=10) == "disconnected"


TEXTS = [
    "O'Brien",
    "back\\slash",
    "\\'",
    "' or Active = true or '",
    "100%",
    "Zoë 😀",
    "a  b",
    '"quoted"',
    "名字",
    "%2B+&?#",
    "<b>&amp;",
]


@pytest.mark.parametrize("text", TEXTS)
async def test_any_text_survives_the_way_there_and_back(side: Side, text: str) -> None:
    connector = side.connector()
    sent = {"first_name": "Ana", "last_name": text, "number": "LN-1"}
    (written,) = await send(connector, f"key-{TEXTS.index(text)}", Write("create", "i", sent))
    assert written.remote is not None, written.error
    raw = (await side.rows())[written.remote.remote_id]
    assert raw.get("FamilyName", raw.get("last_name")) == text
    found = await connector.find_created(Write("create", "i", sent))
    assert found is not None and found.remote_id == written.remote.remote_id


WORSE = (408, 500, 502, 503, 504)
NEVER_SENT = {404: "unavailable", 429: "rate_limited", 401: "unauthorized", 403: "unauthorized"}


@pytest.mark.parametrize("shape", [None, "json", "gateway", "xml", "html"])
async def test_every_status_in_every_shape_has_a_reason_and_a_fix(side: Side, shape: str | None) -> None:
    for status in (400, 413, 415, *NEVER_SENT, *WORSE):
        rule = {"match": {"operation": ["create"]}, "action": "status", "status": status, "shape": shape}
        await side.faults({**rule, "body": "<html>"} if shape is None else rule)
        error = await outcome(side.connector(), Write("create", "i", ANA), f"key-{status}")
        assert error is not None, status
        assert REASONS[error.reason].fix
        if status in WORSE:
            assert error.reason == "outcome_unknown", status
        elif status in NEVER_SENT:
            assert error.reason == NEVER_SENT[status], status
        else:
            assert isinstance(error, Rejected | Conflict), status
        await side.recover()


async def browsed(side: Side, text: str = "", limit: int = 1000) -> tuple[list[str], int | None]:
    """Who is shown, page by page, and how many there are said to be."""
    connector, ids, cursor = side.connector(), list[str](), None
    while True:
        found = await connector.browse(text, cursor, limit)
        ids += [raw.remote_id for raw in found.records]
        assert len(found.records) <= limit
        if (cursor := found.cursor) is None:
            return ids, found.total


async def test_a_directory_is_browsed_in_pages_inactive_people_included(side: Side) -> None:
    ids = await side.seed([side.person(f"P{n:03}", "Li", active=n % 5 > 0) for n in range(250)])
    found, total = await browsed(side, limit=100)
    assert (sorted(found), total) == (sorted(ids), 250)


async def test_people_are_found_by_a_part_of_their_name_whatever_its_case(side: Side) -> None:
    ids = await side.seed(
        [side.person("Quill", "Farrow"), side.person("Bo", "O'Hara"), side.person("Ana", "Li")]
    )
    assert await browsed(side, "ARRO") == ([ids[0]], 1)
    assert await browsed(side, "o'h") == ([ids[1]], 1)
    assert await browsed(side, "nobody") == ([], 0)


async def test_a_cursor_of_something_else_is_refused(side: Side) -> None:
    with pytest.raises(ValueError, match=r"cursor|invalid literal"):
        await side.connector().browse("", "nonsense!", 10)
