"""What the data calls of a company answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import Response

from sandbox.box import Sandbox
from sandbox.faults import Rule
from sandbox.quickbooks import employee, faults
from sandbox.quickbooks.employee import stamp, stamp_millis
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.query import Query, instant, parse
from sandbox.store import Answer, Entry

CDC_DAYS = 30
CDC_OBJECTS = 1000
# fmt: off
_ENTITIES = (
    "Account", "Bill", "BillPayment", "Budget", "Class", "CompanyInfo", "CreditMemo", "Customer", "Department",
    "Deposit", "Employee", "Estimate", "Invoice", "Item", "JournalEntry", "Payment", "PaymentMethod",
    "Preferences", "Purchase", "PurchaseOrder", "RefundReceipt", "SalesReceipt", "Term", "Transfer", "Vendor",
    "VendorCredit",
)
# fmt: on
CDC_ENTITIES = {name.lower(): name for name in _ENTITIES}
"""JournalCode, TaxAgency, TimeActivity, TaxCode and TaxRate cannot be asked for."""


class Company:
    """Answers the data calls of every realm from the store."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._store = box.store

    def time(self) -> str:
        return stamp_millis(self._store.now())

    def read(self, realm: str, remote_id: str) -> dict[str, Any]:
        num = self._box.wire.num(remote_id)
        row = self._store.get(realm, num) if num is not None else None
        if row is None:
            raise faults.not_found()
        return {"Employee": orjson.Fragment(row.data)}

    def query(self, realm: str, text: str) -> dict[str, Any]:
        asked = parse(text)
        entity = asked.entity.lower()
        if entity == "companyinfo":
            return {
                "QueryResponse": {"CompanyInfo": [company_info(realm)], "startPosition": 1, "maxResults": 1}
            }
        if entity == "employee":
            return {"QueryResponse": self._rows("Employee", realm, asked)}
        for name in employee.OTHER_LISTS:
            if entity == name.lower():
                return {"QueryResponse": self._rows(name, employee.list_scope(realm, name), asked)}
        raise Refused(
            faults.QUERY_SYNTAX, f"QueryParserError: Invalid context declaration: {asked.entity}", None
        )

    def _rows(self, entity: str, scope: str, asked: Query) -> dict[str, Any]:
        where, values = asked.where()
        if asked.count:
            return {"totalCount": self._store.count(scope, where, values)}
        rows = self._store.select(scope, where, values, asked.order_by(), asked.limit, asked.start - 1)
        if not rows:
            return {}
        found = [orjson.Fragment(row) for row in rows]
        return {entity: found, "startPosition": asked.start, "maxResults": len(found)}

    def changes(self, realm: str, entities: str, since: str) -> dict[str, Any]:
        """What changed, as whole objects; removed ones as stubs, after the others."""
        if not entities or not since:
            missing = "changedSince" if entities else "entities"
            raise Refused(faults.MISSING, f"Required parameter {missing} is missing in the request", missing)
        begin = instant(since)
        if begin < self._store.now() - CDC_DAYS * 86_400_000_000:
            raise Refused(
                faults.QUERY_INVALID, f"changedSince must lie within the last {CDC_DAYS} days", "changedSince"
            )
        names = [_entity(name.strip()) for name in entities.split(",")]
        return {"CDCResponse": [{"QueryResponse": [self._changed(realm, name, begin) for name in names]}]}

    def _changed(self, realm: str, entity: str, begin: int) -> dict[str, Any]:
        if entity != "Employee" and entity not in employee.OTHER_LISTS:
            return {}
        scope = realm if entity == "Employee" else employee.list_scope(realm, entity)
        rows = self._store.select(scope, " AND updated_at >= ?", [begin], "updated_at, num", CDC_OBJECTS, 0)
        gone = self._store.removed(scope, begin, CDC_OBJECTS - len(rows))
        found = [orjson.Fragment(row) for row in rows] + [
            {"domain": "QBO", "status": "Deleted", "Id": str(num), "MetaData": {"LastUpdatedTime": stamp(at)}}
            for num, at in gone
        ]
        page = {"startPosition": 1, "maxResults": len(found), "totalCount": len(found)}
        return {entity: found, **page} if found else {}

    def write(
        self, realm: str, operation: str, body: dict[str, Any], entry: Entry, rule: Rule | None
    ) -> dict[str, Any]:
        """Create or update inside the caller's transaction, with its line in the journal."""
        remote_id = str(body.get("Id") or "") or None
        raw = orjson.dumps(body)
        try:
            if rule is not None and rule.action in ("fault", "status"):
                raise faults.ruled(rule)
            if operation == "create":
                row = employee.created(self._store, realm, body)
                self._store.insert(realm, row)
            else:
                row = employee.updated(self._store, realm, body, self._box.switches)
                self._store.update(realm, row)
        except Refused as refused:
            line = Entry(operation, "refused", remote_id, entry.request_id, entry.item, refused.code, raw)
            self._store.record(realm, line)
            raise
        line = Entry(operation, "applied", str(row.num), entry.request_id, entry.item, None, raw)
        self._store.record(realm, line)
        return {"Employee": orjson.Fragment(row.data)}

    def item(self, realm: str, item: dict[str, Any], key: str | None, rule: Rule | None) -> dict[str, Any]:
        """The answer to one batch item."""
        bid = item.get("bId")
        operation = item.get("operation", "create")
        try:
            if "Query" in item:
                return {"bId": bid, **self.query(realm, str(item["Query"]))}
            if operation not in ("create", "update") or not isinstance(item.get("Employee"), dict):
                raise Refused("500", f"Operation {operation} is not supported.")
            entry = Entry(operation, "applied", request_id=key, item=str(bid))
            return {"bId": bid, **self.write(realm, operation, item["Employee"], entry, rule)}
        except Refused as refused:
            return {"bId": bid, "Fault": refused.fault}

    def batch(
        self, realm: str, items: list[dict[str, Any]], key: str | None, rules: list[Rule | None]
    ) -> dict[str, Any]:
        """Answers with the refused items first and the others backwards: order is not promised."""
        answers = [self.item(realm, item, key, rule) for item, rule in zip(items, rules, strict=True)]
        answers.reverse()
        answers.sort(key=lambda found: "Fault" not in found)
        return {"BatchItemResponse": answers}

    def once(
        self, realm: str, key: str | None, operation: str, work: Callable[[], dict[str, Any]]
    ) -> Response:
        """Run a write in one transaction, or answer what this request id got before."""
        with self._store.transaction():
            known = self._store.recall(realm, key) if key else None
            if known is not None:
                self._store.record(realm, Entry(operation, "replayed", request_id=key))
                return reply(known.body, known.status)
            status, content = attempt(work)
            body = orjson.dumps({**content, "time": self.time()})
            if key:
                self._store.remember(realm, key, Answer(status, body, {}))
        return reply(body, status)


def _entity(name: str) -> str:
    if name.lower() not in CDC_ENTITIES:
        raise Refused(faults.QUERY_INVALID, f"Invalid entity: {name} cannot be asked for changes", "entities")
    return CDC_ENTITIES[name.lower()]


def attempt(work: Callable[[], dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    try:
        return 200, work()
    except Refused as refused:
        return refused.status, {"Fault": refused.fault}


def reply(body: bytes, status: int = 200) -> Response:
    headers = {"intuit_tid": f"1-{time.time_ns():x}", "QBO-Version": "2026.11.sandbox"}
    return Response(body, status, headers, "application/json;charset=UTF-8")


def company_info(realm: str) -> dict[str, Any]:
    return {
        "Id": "1",
        "SyncToken": "4",
        "domain": "QBO",
        "sparse": False,
        "MetaData": {
            "CreateTime": "2024-01-08T09:00:00-08:00",
            "LastUpdatedTime": "2026-01-12T10:30:00-08:00",
        },
        "CompanyName": f"Sandbox Company {realm[-4:]}",
        "LegalName": f"Sandbox Company {realm[-4:]} LLC",
        "Country": "US",
        "FiscalYearStartMonth": "January",
        "SupportedLanguages": "en",
        "NameValue": [
            {"Name": "PayrollFeature", "Value": "false"},
            {"Name": "IndustryType", "Value": "Construction"},
        ],
    }
