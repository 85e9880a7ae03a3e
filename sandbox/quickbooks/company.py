"""What the data calls of a company answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.faults import Rule
from sandbox.quickbooks import employee, faults
from sandbox.quickbooks.employee import Rules, rules_of, stamp, stamp_millis
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.query import Query, instant, parse
from sandbox.state import Sandbox
from sandbox.store import Entry, StoredResponse

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
ENTITIES = {name.lower(): name for name in _ENTITIES}
"""Of these, only employees, customers and vendors are kept here. JournalCode, TaxAgency, TimeActivity, TaxCode and
TaxRate have no change data capture."""


class Company:
    """Answers the data calls of every realm from the store."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._dice = random.Random(1)

    def time(self) -> str:
        return stamp_millis(self._store.now())

    def info(self, realm: str) -> dict[str, Any]:
        """CompanyInfo; its NameValue list tells whether Payroll is on."""
        settings = self._sandbox.company(realm)
        name = settings["name"] or f"Sandbox Company {realm[-4:]}"
        facts = {
            "PayrollFeature": str(settings["payroll"]).lower(),
            "IndustryType": "Construction",
            "SubscriptionStatus": "EXPIRED" if settings["subscription_lapsed"] else "PAID",
        }
        return {
            "Id": "1",
            "SyncToken": "4",
            "domain": "QBO",
            "sparse": False,
            "MetaData": {
                "CreateTime": "2024-01-08T09:00:00-08:00",
                "LastUpdatedTime": "2026-01-12T10:30:00-08:00",
            },
            "CompanyName": name,
            "LegalName": f"{name} LLC",
            "Country": "US",
            "FiscalYearStartMonth": "January",
            "SupportedLanguages": "en",
            "NameValue": [{"Name": name, "Value": value} for name, value in facts.items()],
        }

    def read(self, realm: str, remote_id: str) -> dict[str, Any]:
        num = employee.number(remote_id)
        row = self._store.get(realm, num) if num is not None else None
        if row is not None:
            return {"Employee": orjson.Fragment(row.data)}
        if num is None or not self._sandbox.on("missing_as_stub"):
            raise faults.not_found()
        stub = {"domain": "QBO", "sparse": False, "V4IDPseudonym": employee.pseudonym(realm, num)}
        return {"Employee": {**stub, "Active": False}}

    def query(self, realm: str, text: str) -> dict[str, Any]:
        asked = parse(text, clamp=self._sandbox.on("clamp_max_results"), by_id=self._sandbox.on("sort_by_id"))
        entity = ENTITIES.get(asked.entity.lower())
        if entity is None:
            detail = f"QueryParserError: Invalid context declaration: {asked.entity}"
            raise Refused(faults.QUERY_SYNTAX, detail, None)
        if entity == "CompanyInfo":
            return {"QueryResponse": {entity: [self.info(realm)], "startPosition": 1, "maxResults": 1}}
        scope = realm if entity == "Employee" else employee.list_scope(realm, entity)
        return {"QueryResponse": self._rows(entity, scope, asked)}

    def _rows(self, entity: str, scope: str, asked: Query) -> dict[str, Any]:
        where, values = asked.where()
        if asked.count:
            return {"totalCount": self._store.count(scope, where, values)}
        rows = self._store.select(scope, where, values, asked.order_by(), asked.limit, asked.start - 1)
        if not rows:
            return {}
        found = [asked.shown(row) for row in rows]
        return {entity: found, "startPosition": asked.start, "maxResults": len(found)}

    def changes(self, realm: str, entities: str, since: str) -> dict[str, Any]:
        """What changed, as whole objects; removed ones as stubs, after the others."""
        if not entities or not since:
            missing = "changedSince" if entities else "entities"
            raise Refused(faults.MISSING, f"Required parameter {missing} is missing in the request", missing)
        begin = instant(since)
        if begin < self._store.now() - CDC_DAYS * 86_400_000_000:
            detail = f"changedSince must lie within the last {CDC_DAYS} days"
            raise Refused(faults.QUERY_INVALID, detail, "changedSince")
        names = [_entity(name.strip()) for name in entities.split(",")]
        return {"CDCResponse": [{"QueryResponse": [self._changed(realm, name, begin) for name in names]}]}

    def _changed(self, realm: str, entity: str, begin: int) -> dict[str, Any]:
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
        self,
        realm: str,
        operation: str,
        body: dict[str, Any],
        rules: Rules,
        rule: Rule | None,
        *,
        key: str | None = None,
        item: str | None = None,
    ) -> dict[str, Any]:
        """Create or update inside the caller's transaction, with its line in the journal."""
        raw = orjson.dumps(body)
        try:
            if rule is not None and rule.action in ("fault", "status"):
                raise faults.ruled(rule)
            if self._sandbox.company(realm)["subscription_lapsed"]:
                raise Refused(faults.LAPSED, faults.DETAILS[faults.LAPSED])
            if operation == "create":
                row = employee.created(self._store, realm, body, rules, self._store.next_num(realm))
                self._store.insert(realm, row)
                self._sandbox.changed(realm, None, row)
            else:
                before, row = employee.updated(self._store, realm, body, rules)
                self._store.update(realm, row)
                self._sandbox.changed(realm, before, row)
        except Refused as refused:
            remote_id = str(body.get("Id") or "")[:50] or None
            self._store.record(realm, Entry(operation, "refused", remote_id, key, item, refused.code, raw))
            raise
        self._store.record(realm, Entry(operation, "applied", str(row.num), key, item, None, raw))
        return {"Employee": orjson.Fragment(row.data)}

    def _item(
        self, realm: str, item: dict[str, Any], key: str | None, rules: Rules, rule: Rule | None
    ) -> dict[str, Any]:
        bid = item.get("bId")
        try:
            if "Query" in item:
                return {"bId": bid, **self.query(realm, str(item["Query"]))}
            operation = item.get("operation", "create")
            body = item.get("Employee")
            if operation not in ("create", "update") or type(body) is not dict:
                detail = f"Operation {str(operation)[:20]} is not supported."
                raise Refused(faults.OPERATION, detail)
            return {"bId": bid, **self.write(realm, operation, body, rules, rule, key=key, item=str(bid))}
        except Refused as refused:
            return {"bId": bid, "Fault": refused.fault}

    def batch(
        self, realm: str, items: list[dict[str, Any]], key: str | None, struck: list[Rule | None]
    ) -> dict[str, Any]:
        """Every item on its own; order is not promised, so it is not kept."""
        rules = rules_of(self._sandbox, realm)
        answers = [
            self._item(realm, item, key, rules, rule) for item, rule in zip(items, struck, strict=True)
        ]
        if self._sandbox.on("shuffle_batches"):
            self._dice.shuffle(answers)
        return {"BatchItemResponse": answers}

    def once(
        self, realm: str, key: str | None, operation: str, work: Callable[[], dict[str, Any]]
    ) -> tuple[int, bytes]:
        """Run a write in one transaction, or answer what this request id got before."""
        with self._store.transaction():
            known = self._store.recall(realm, key) if key else None
            if known is not None:
                self._store.record(realm, Entry(operation, "replayed", request_id=key))
                return known.status, known.body
            try:
                status, content = 200, work()
            except Refused as refused:
                status, content = refused.status, {"Fault": refused.fault}
            body = orjson.dumps({**content, "time": self.time()})
            if key:
                self._store.remember(realm, key, StoredResponse(status, body, {}))
        return status, body


def _entity(name: str) -> str:
    if name.lower() not in ENTITIES:
        detail = f"Invalid entity: {name[:40]} cannot be asked for changes"
        raise Refused(faults.QUERY_INVALID, detail, "entities")
    return ENTITIES[name.lower()]


def thinned(content: dict[str, Any], action: str) -> dict[str, Any]:
    """An answer with all or half of what was found left out, as a truncated directory or batch would be."""
    keep = 0 if action == "empty" else 2
    found = dict(content)
    if "BatchItemResponse" in found:
        found["BatchItemResponse"] = _half(found["BatchItemResponse"], keep)
    elif isinstance(rows := found.get("QueryResponse"), dict):
        found["QueryResponse"] = _thin_rows(rows, keep)
    elif "CDCResponse" in found:
        lists = found["CDCResponse"][0]["QueryResponse"]
        found["CDCResponse"] = [{"QueryResponse": [_thin_rows(rows, keep) for rows in lists]}]
    return found


def _half(rows: list[Any], keep: int) -> list[Any]:
    return rows[: len(rows) // keep] if keep else []


def _thin_rows(rows: dict[str, Any], keep: int) -> dict[str, Any]:
    thin = {name: _half(v, keep) if isinstance(v, list) else v for name, v in rows.items()}
    left = max((len(v) for v in thin.values() if isinstance(v, list)), default=0)
    return {**thin, "maxResults": left} if left else {}
