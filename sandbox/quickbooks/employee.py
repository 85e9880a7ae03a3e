"""QuickBooks' Employee: what is filled in, how names are kept apart, and how it looks stored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from zlib import crc32

import orjson

from sandbox.hooks import Kind
from sandbox.quickbooks import faults
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.fields import CHECKS, LENGTHS, MASK, ORDER, checked, without_empty
from sandbox.state import Sandbox, Setting
from sandbox.store import Row, Store

COMPANY_ZONE = timezone(timedelta(hours=-8))
OTHER_LISTS = ("Customer", "Vendor")
COMPANY: dict[str, Setting] = {"name": "", "payroll": False, "subscription_lapsed": False}
"""What can be chosen about each company, and its default."""
_DELETED = re.compile(r" \(deleted(?: \d+)?\)$", re.IGNORECASE)
_LONGEST_ID = 18


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between companies and switches, as one write sees it."""

    payroll: bool
    no_name: str
    sparse: bool
    ssn_survives: bool
    inactive_hold: bool
    rate_needs_flag: bool


def rules_of(sandbox: Sandbox, realm: str) -> Rules:
    """The rules in force for a company."""
    return Rules(
        payroll=sandbox.company(realm)["payroll"] is True,
        no_name=str(sandbox.switches["no_name_code"]),
        sparse=sandbox.on("honour_sparse"),
        ssn_survives=sandbox.on("ssn_survives_omission"),
        inactive_hold=sandbox.on("inactive_hold_names"),
        rate_needs_flag=sandbox.on("rate_needs_flag"),
    )


def stamp(micros: int) -> str:
    """Company time with its offset, in whole seconds."""
    return _stamp(micros // 1_000_000)


@lru_cache(maxsize=1000)
def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, COMPANY_ZONE).isoformat()


def stamp_millis(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, COMPANY_ZONE).isoformat(timespec="milliseconds")


def number(remote_id: str) -> int | None:
    """The number in an id; ids are positive numbers in practice."""
    plain = remote_id.isdecimal() and remote_id.isascii() and remote_id[:1] != "0"
    return int(remote_id) if plain and len(remote_id) <= _LONGEST_ID else None


def pseudonym(realm: str, num: int) -> str:
    """38 characters that look like Intuit's and mean nothing."""
    return f"002{crc32(realm.encode()):08x}{num * 0x9E3779B97F4A7C15 % 2**108:027x}"


def _with_names(fields: dict[str, Any], *, payroll: bool) -> dict[str, Any]:
    if "DisplayName" not in fields:
        parts = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
        fields["DisplayName"] = " ".join(fields[part] for part in parts if part in fields) or "Employee"
    if not payroll:
        fields.setdefault("PrintOnCheckName", fields["DisplayName"][: LENGTHS["PrintOnCheckName"]])
    for flag, default in (("Active", True), ("Organization", False), ("BillableTime", False)):
        fields.setdefault(flag, default)
    return fields


def _row(realm: str, num: int, version: int, fields: dict[str, Any], created: int, updated: int) -> Row:
    whole = {
        "Id": str(num),
        "SyncToken": str(version),
        "domain": "QBO",
        "sparse": False,
        "V4IDPseudonym": pseudonym(realm, num),
        "MetaData": {"CreateTime": stamp(created), "LastUpdatedTime": stamp(updated)},
        **{name: fields[name] for name in ORDER if name in fields},
    }
    name = fields["DisplayName"].casefold()
    return Row(
        num,
        version,
        fields["Active"],
        created,
        updated,
        name,
        None,
        None,
        orjson.dumps(whole),
        None if fields["Active"] else _DELETED.sub("", name),
    )


def list_scope(realm: str, name: str) -> str:
    """Where the store keeps the realm's customers or vendors, who share one name space with its employees."""
    return f"{realm}/{name}"


def _taken(store: Store, realm: str, name: str, num: int | None, rules: Rules) -> bool:
    customers, vendors = (list_scope(realm, other) for other in OTHER_LISTS)
    return any(
        scope != realm or holder != num
        for scope, holder, former in store.name_holders((realm, customers, vendors), name.casefold())
        if not former or rules.inactive_hold
    )


def _free_name(store: Store, realm: str, name: str, num: int | None, rules: Rules) -> None:
    if _taken(store, realm, name, num, rules):
        raise faults.duplicate_name()


def created(store: Store, realm: str, body: dict[str, Any], rules: Rules, num: int) -> Row:
    """The row a create makes; Id and SyncToken in the body are ignored."""
    if body.get("SSN") == MASK:
        raise Refused(faults.UNSUPPORTED, "Property Name:SSN must be a number, not its mask", "SSN")
    fields = _with_names(checked(body, payroll=rules.payroll, no_name=rules.no_name), payroll=rules.payroll)
    _free_name(store, realm, fields["DisplayName"], None, rules)
    _drop_rate({}, fields, rules)
    now = _second(store.now())
    _place(fields, {}, num, 0)
    return _row(realm, num, 0, fields, now, now)


def updated(store: Store, realm: str, body: dict[str, Any], rules: Rules) -> tuple[Row, Row]:
    """The row before and after a full update: every writable field left out becomes null."""
    num = number(str(body.get("Id", "")))
    if num is None:
        raise Refused(faults.INVALID_ID, f"Invalid ID : {str(body.get('Id'))[:20]}", "Id")
    row = store.get(realm, num)
    if row is None:
        raise faults.not_found()
    if body.get("SyncToken") in (None, ""):
        raise Refused(faults.MISSING, "Required parameter SyncToken is missing in the request", "SyncToken")
    if str(body["SyncToken"]) != str(row.version):
        raise faults.stale()
    old = orjson.loads(row.data)
    if rules.sparse and body.get("sparse") is True:
        body = {**old, **body}
    fields = checked(body, payroll=rules.payroll, no_name=rules.no_name)
    if "SSN" in old and ("SSN" in fields or rules.ssn_survives):
        fields["SSN"] = MASK
    return row, _changed(store, realm, row, old, _with_names(fields, payroll=rules.payroll), rules)


def _changed(
    store: Store, realm: str, row: Row, old: dict[str, Any], fields: dict[str, Any], rules: Rules
) -> Row:
    if old["Active"] and not fields["Active"]:
        fields["DisplayName"] = _deleted_name(store, realm, fields["DisplayName"], row.num, rules)
    _free_name(store, realm, fields["DisplayName"], row.num, rules)
    _drop_rate(old, fields, rules)
    _place(fields, old, row.num, row.version + 1)
    return _row(realm, row.num, row.version + 1, fields, row.created_at, _second(store.now()))


def _drop_rate(old: dict[str, Any], fields: dict[str, Any], rules: Rules) -> None:
    """A new bill rate without `BillableTime: true` is not taken, and nothing says so; one that was there stays."""
    if fields.get("BillRate") == old.get("BillRate"):
        return
    if rules.rate_needs_flag and fields["BillableTime"] is not True:
        fields.pop("BillRate", None)


def _deleted_name(store: Store, realm: str, name: str, num: int, rules: Rules) -> str:
    bare, n = _DELETED.sub("", name), 1
    free = f"{bare} (deleted)"
    while _taken(store, realm, free, num, rules):
        n += 1
        free = f"{bare} (deleted {n})"
    return free


def _place(fields: dict[str, Any], old: dict[str, Any], num: int, version: int) -> None:
    """Give a new or changed address its Id."""
    if "PrimaryAddr" not in fields:
        return
    before = dict(old.get("PrimaryAddr", {}))
    kept = before.pop("Id", None)
    same = kept is not None and before == fields["PrimaryAddr"]
    fields["PrimaryAddr"] = {"Id": kept if same else f"{num}{version:02d}", **fields["PrimaryAddr"]}


def _second(micros: int) -> int:
    return micros // 1_000_000 * 1_000_000


class QuickBooksWire:
    """How the admin calls and pages seed and edit employees."""

    sandbox: Sandbox

    def __init__(self, store: Store) -> None:
        self._store = store

    def seeded(self, scope: str, num: int, employee: dict[str, Any], now: int) -> Row:
        known = {k: v for k, v in without_empty(employee).items() if k in CHECKS}
        fields = _with_names(known, payroll=False)
        if "SSN" in fields:
            fields["SSN"] = MASK
        times = employee.get("MetaData", {})
        begun = _micros(times.get("CreateTime")) or _second(now)
        changed = _micros(times.get("LastUpdatedTime")) or _second(now)
        version = int(employee.get("SyncToken") or 0)
        if "Id" not in fields.get("PrimaryAddr", {"Id": ""}):
            _place(fields, {}, num, version)
        return _row(scope, num, version, fields, begun, changed)

    def event(self, before: Row | None, row: Row) -> tuple[Kind, str]:
        if before is None:
            return "created", ""
        gone = before.active and not row.active and self.sandbox.switches["deactivation_event"] == "deleted"
        return ("deleted" if gone else "updated"), ""

    def num(self, remote_id: str) -> int | None:
        return number(remote_id)

    def remote_id(self, num: int) -> str:
        return str(num)

    def edited(self, scope: str, row: Row, changes: dict[str, Any], now: int) -> Row:
        old = orjson.loads(row.data)
        fields = {k: v for k, v in without_empty({**old, **changes}).items() if k in CHECKS}
        if "PrimaryAddr" in fields:
            fields["PrimaryAddr"] = {k: v for k, v in fields["PrimaryAddr"].items() if k != "Id"}
        rules = rules_of(self.sandbox, scope.partition("/")[0])
        return _changed(self._store, scope, row, old, _with_names(fields, payroll=rules.payroll), rules)


def _micros(text: str | None) -> int | None:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000 if text else None
