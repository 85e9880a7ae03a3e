"""Both systems' webhooks: what is authentic, and what a body says. Bodies and signatures are the sandboxes' own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from sandbox.hooks import Event
from sandbox.linarc.hooks import LinarcHooks
from shared.connectors.linarc import webhooks as linarc
from shared.connectors.opening import webhooks_of
from shared.connectors.quickbooks import webhooks as quickbooks
from shared.systems import SYSTEMS

VERIFIER = "verifier"
AT = datetime(2026, 11, 23, 11, 6, 1, 512943, UTC)
EVENT = Event("11111111-1111-4111-8111-111111111111", "t1", "emp_7", "updated", 1_764_000_000_000_000, "e1")
SECRET, OTHER = linarc.new_secret(), linarc.new_secret()
BODY = LinarcHooks().body([EVENT])


@pytest.fixture
def now() -> datetime:
    """The sandbox signs with the time of the test, which may be long after this module was read."""
    return datetime.now(UTC)


def signed(body: bytes, secret: str = VERIFIER) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"intuit-signature": base64.b64encode(digest).decode()}


def cloud(**more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "e1", "source": "intuit.x", "type": "qbo.employee.created.v1",
        "time": "2026-11-23T11:06:01.512943018Z", "intuitentityid": "11", "intuitaccountid": "417",
    } | more  # fmt: skip


def legacy(realm: str, *entities: dict[str, Any]) -> dict[str, Any]:
    return {"realmId": realm, "dataChangeEvent": {"entities": list(entities)}}


def test_linarc_is_authentic_with_its_secret_or_the_one_before_it_and_with_no_other(now: datetime) -> None:
    headers = {k.lower(): v for k, v in LinarcHooks().headers(BODY, "m1", SECRET).items()}
    assert linarc.is_authentic(headers, BODY, [SECRET], now)
    assert linarc.is_authentic(headers, BODY, [OTHER, SECRET], now)
    assert not linarc.is_authentic(headers, BODY, [OTHER], now)
    assert not linarc.is_authentic(headers, BODY, [], now)
    assert not linarc.is_authentic(headers, BODY + b" ", [SECRET], now)
    both = headers | {"webhook-signature": f"v1a,x v1,AAAA {headers['webhook-signature']}"}
    assert linarc.is_authentic(both, BODY, [SECRET], now)


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-id": "another"}, {"webhook-id": ""}, {"webhook-timestamp": "x"}, {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 30}, {"webhook-timestamp": "²"}, {"webhook-signature": ""},
        {"webhook-signature": "v1,"}, {"webhook-signature": "v2,x"}, {"webhook-signature": "ÿ"},
    ],
)  # fmt: skip
def test_linarc_is_not_authentic_with_other_headers(wrong: dict[str, str], now: datetime) -> None:
    headers = {k.lower(): v for k, v in LinarcHooks().headers(BODY, "m1", SECRET).items()}
    assert not linarc.is_authentic(headers | wrong, BODY, [SECRET], now)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert not linarc.is_authentic({k: v for k, v in headers.items() if k != name}, BODY, [SECRET], now)


@pytest.mark.parametrize(("minutes", "good"), [(-4.9, True), (4.9, True), (-5.2, False), (5.2, False)])
def test_linarc_is_authentic_for_five_minutes(minutes: float, good: bool, now: datetime) -> None:
    headers, body = linarc.sample("t1", SECRET, now + timedelta(minutes=minutes))
    assert linarc.is_authentic(headers, body, [SECRET], now) is good


def test_linarc_says_who_changed_and_a_test_names_nobody(now: datetime) -> None:
    delivery = linarc.read({"webhook-id": EVENT.event_id}, BODY)
    (notice,) = delivery.notices
    assert (notice.tenant_id, notice.event_id, notice.remote_id, notice.kind) == (
        "t1", EVENT.event_id, "emp_7", "employee.updated",
    )  # fmt: skip
    assert (notice.at, notice.version) == (datetime.fromtimestamp(1_764_000_000, UTC), "e1")
    deleted = LinarcHooks().body([replace(EVENT, kind="deleted", detail="emp_7")])
    (gone,) = linarc.read({"webhook-id": "d"}, deleted).notices
    assert (gone.remote_id, gone.version) == ("emp_7", None)
    headers, body = linarc.sample("t1", SECRET, now)
    assert [n.remote_id for n in linarc.read(headers, body).notices] == [None]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"type": "employee.updated"}',
        orjson.dumps({"type": "employee.x", "timestamp": "x", "data": {"company_id": "t", "employee_id": "e"}}),
        orjson.dumps({"type": "employee.x", "timestamp": "2026-01-01T00:00:00Z", "data": {"company_id": "t"}}),
        orjson.dumps({"type": "employee.x", "timestamp": "2026-01-01T00:00:00Z",
                      "data": {"company_id": "t", "employee_id": "a\x00b"}}),
        b'{"type": "employee.x", "timestamp": "2026-01-01T00:00:00Z", "data": {"company_id": "t", "employee_id": "\\ud800"}}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_linarc_what_cannot_be_read_is_refused_in_one_way(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        linarc.read({"webhook-id": "m"}, body)


def test_quickbooks_is_authentic_with_one_of_the_verifier_tokens(now: datetime) -> None:
    body = orjson.dumps([cloud()])
    headers = signed(body)
    assert quickbooks.is_authentic(headers, body, ["verifier"], now)
    assert quickbooks.is_authentic(headers, body, ["new", "verifier"], now)
    for wrong in (
        {},
        {"intuit-signature": ""},
        {"intuit-signature": "ÿ"},
        signed(body, "new"),
        signed(b"[]"),
    ):
        assert not quickbooks.is_authentic(wrong, body, ["verifier"], now)
    assert not quickbooks.is_authentic(headers, body, [], now)


def test_quickbooks_cloud_events_name_several_companies_and_both_people_of_a_merge() -> None:
    body = orjson.dumps([
        cloud(intuitentityid="000000011", data={"alternative_ids": [{"id": "x:400000011"}]}),
        cloud(id="e2", type="qbo.employee.merged.v1", intuitentityid="412", data={"deletedid": "398"}),
        cloud(id="e3", type="qbo.customer.updated.v1"),
        cloud(id="e4", type="qbo.employee.deleted.v1", intuitaccountid="833", data=None),
    ])  # fmt: skip
    delivery = quickbooks.read({}, body)
    assert delivery.complete
    assert [(n.tenant_id, n.event_id, n.remote_id) for n in delivery.notices] == [
        ("417", "e1", "000000011"), ("417", "e2", "412"), ("417", "e2/deleted", "398"), ("417", "e3", None),
        ("833", "e4", "11"),
    ]  # fmt: skip
    assert delivery.notices[0].at == AT


def test_quickbooks_the_older_form_says_the_same() -> None:
    moved = "2026-11-23T12:06:01.000+01:00"
    entity = {"name": "Employee", "id": "431", "operation": "Create", "lastUpdated": moved}
    merge = {**entity, "id": "412", "operation": "Merge", "deletedId": "398"}
    body = orjson.dumps({"eventNotifications": [
        legacy("417", entity, merge, {**entity, "name": "Customer"}), legacy("833", {**entity, "id": 12}),
    ]})  # fmt: skip
    first, again = quickbooks.read({}, body), quickbooks.read({}, body)
    assert first.complete and first == again
    assert [(n.tenant_id, n.remote_id, n.kind) for n in first.notices] == [
        ("417", "431", "create"), ("417", "412", "merge"), ("417", "398", "merge"), ("417", None, "create"),
        ("833", "12", "create"),
    ]  # fmt: skip
    assert len({(n.tenant_id, n.event_id) for n in first.notices}) == 5
    assert {n.at for n in first.notices} == {datetime(2026, 11, 23, 11, 6, 1, tzinfo=UTC)}


def test_quickbooks_one_broken_event_does_not_hide_the_others() -> None:
    delivery = quickbooks.read(
        {}, orjson.dumps([cloud(), cloud(id=None), cloud(time="x"), 7, cloud(id="e9")])
    )
    assert (not delivery.complete, [n.event_id for n in delivery.notices]) == (True, ["e1", "e9"])
    entity = {"name": "Employee", "id": "1", "operation": "Create", "lastUpdated": "2026-11-23T11:06:01Z"}
    delivery = quickbooks.read({}, orjson.dumps({"eventNotifications": [legacy("417", {"id": "2"}, entity)]}))
    assert (not delivery.complete, [n.remote_id for n in delivery.notices]) == (True, ["1"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"7", b"null", b'{"eventNotifications": 1}', b"[" * 100_000]
)
def test_quickbooks_what_cannot_be_read_is_refused_in_one_way(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        quickbooks.read({}, body)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_sample_is_authentic_and_names_no_employee(system: str, now: datetime) -> None:
    hooks = webhooks_of(system)
    headers, body = hooks.sample("t1", SECRET, now)
    assert hooks.is_authentic(headers, body, [SECRET], now)
    assert [(n.tenant_id, n.remote_id) for n in hooks.read(headers, body).notices] == [("t1", None)]
