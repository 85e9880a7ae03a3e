"""Judging a push from outside: what the two sandboxes hold, by their own journals and the generator's true pairs.

Shares no code with the connectors: it reads the systems' own JSON, so a mistake there is not repeated here.

Compared is every field that both systems carry and a push copies. What only one of them carries (`BillableTime`, a title,
a department) has no other side, and `DisplayName` is QuickBooks' own. A value that the source does not have is no
instruction to clear one: there the destination must still hold what it held before. Someone who is Synced is active at
both or at neither.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

_QUICKBOOKS = {
    "number": ("EmployeeNumber",),
    "first": ("GivenName",),
    "middle": ("MiddleName",),
    "last": ("FamilyName",),
    "suffix": ("Suffix",),
    "email": ("PrimaryEmailAddr", "Address"),
    "phone": ("PrimaryPhone", "FreeFormNumber"),
    "mobile": ("Mobile", "FreeFormNumber"),
    "hired": ("HiredDate",),
    "released": ("ReleasedDate",),
    "born": ("BirthDate",),
    "gender": ("Gender",),
    "bill rate": ("BillRate",),
    "cost rate": ("CostRate",),
    "street": ("PrimaryAddr", "Line1"),
    "second line": ("PrimaryAddr", "Line2"),
    "city": ("PrimaryAddr", "City"),
    "state": ("PrimaryAddr", "CountrySubDivisionCode"),
    "postal code": ("PrimaryAddr", "PostalCode"),
    "country": ("PrimaryAddr", "Country"),
}
_LINARC = {
    "number": ("employee_number",),
    "first": ("first_name",),
    "middle": ("middle_name",),
    "last": ("last_name",),
    "suffix": ("suffix",),
    "email": ("email",),
    "phone": ("phone",),
    "mobile": ("mobile",),
    "hired": ("hire_date",),
    "released": ("end_date",),
    "born": ("birth_date",),
    "gender": ("gender",),
    "bill rate": ("hourly_rate",),
    "cost rate": ("cost_rate",),
    "street": ("address", "line1"),
    "second line": ("address", "line2"),
    "city": ("address", "city"),
    "state": ("address", "state"),
    "postal code": ("address", "postal_code"),
    "country": ("address", "country"),
}
_PATHS = {"quickbooks": _QUICKBOOKS, "linarc": _LINARC}
_LEFT = ("suspended", "terminated")
People = Mapping[str, Mapping[str, Any]]
"""The employees of one system, by remote id, as it holds them."""


def fields(system: str, raw: Mapping[str, Any]) -> dict[str, str]:
    """The fields that both systems carry, in a form that can be compared; empty ones, and being active, left out."""
    found = {}
    for name, path in _PATHS[system].items():
        value: Any = raw
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value not in (None, ""):
            found[name] = _plain(name, value)
    if raw.get("Active") is False or raw.get("state") in _LEFT:
        found["inactive"] = "yes"
    return found


def _plain(name: str, value: Any) -> str:
    text = " ".join(str(value).split())
    if name in ("phone", "mobile"):
        digits = re.sub(r"\D", "", text)
        return digits[-10:]
    if name.endswith("rate"):
        return f"{Decimal(text).normalize():f}"
    return text.casefold() if name in ("email", "gender", "country") else text


@dataclass(slots=True)
class Verdict:
    """What was found wrong, in words, and how many records ended in which status."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def judge(
    records: Iterable[Mapping[str, Any]],
    source: tuple[str, People],
    destination: tuple[str, People],
    created: Iterable[str],
    pairs: Mapping[str, str],
    before: People,
) -> Verdict:
    """Compare every record as Muster shows it with both systems (name, and its people now).

    `created` are the ids that the destination's journal says were created; `pairs` the true pairs, source to destination;
    `before` the destination's people as they were before the push.
    """
    verdict = Verdict()
    made = Counter(created)
    linked: Counter[str] = Counter()
    shown = set()
    for record in records:
        shown.add(record["remote_id"])
        verdict.statuses[record["status"]] += 1
        verdict.reasons[record["reason"] or record["status"]] += 1
        there = record["destination_remote_id"]
        if there is not None:
            linked[there] += 1
            _judge_link(verdict, record["remote_id"], there, made, pairs)
        if record["status"] == "synced":
            _judge_equal(verdict, record["remote_id"], there, source, destination, before)
        elif record["status"] != "needs_action" or not record["reason"]:
            verdict.wrong.append(f"{record['remote_id']} ended as {record['status']} ({record['reason']})")
    verdict.wrong += [f"{i} at the source is not shown" for i in source[1] if i not in shown]
    verdict.wrong += [f"{i} was created {n} times" for i, n in made.items() if n > 1]
    verdict.wrong += [f"{i} was created for nobody" for i in made if linked[i] == 0]
    verdict.wrong += [f"{i} is linked to {n} records" for i, n in linked.items() if n > 1]
    _judge_others(verdict, destination, {i: p for i, p in before.items() if linked[i] == 0})
    return verdict


def _judge_link(
    verdict: Verdict, remote_id: str, there: str, made: Counter[str], pairs: Mapping[str, str]
) -> None:
    match = pairs.get(remote_id)
    if there in made and match is not None:
        verdict.wrong.append(f"{remote_id} was created as {there}, but stood there as {match}")
    elif there not in made and match != there:
        verdict.wrong.append(f"{remote_id} is linked to {there}, but is {match or 'not there'}")


def _judge_equal(
    verdict: Verdict,
    remote_id: str,
    there: str | None,
    source: tuple[str, People],
    destination: tuple[str, People],
    before: People,
) -> None:
    """What the source says is at the destination, and what it does not say is as it was."""
    ours, theirs = source[1].get(remote_id), destination[1].get(there or "")
    if ours is None or theirs is None:
        verdict.wrong.append(f"{remote_id} is Synced, but one of the two records does not exist")
        return
    kept = fields(destination[0], before.get(there or "", {}))
    kept.pop("inactive", None)
    if differs := _differing(kept | fields(source[0], ours), fields(destination[0], theirs)):
        verdict.wrong.append(f"{remote_id} is Synced, but differs in {differs}")


def _judge_others(verdict: Verdict, destination: tuple[str, People], untouched: People) -> None:
    """Nobody without a record of ours was touched."""
    for remote_id, was in untouched.items():
        now = destination[1].get(remote_id)
        if now is None:
            verdict.wrong.append(f"{remote_id} is linked to nobody, but is gone")
        elif differs := _differing(fields(destination[0], was), fields(destination[0], now)):
            verdict.wrong.append(f"{remote_id} is linked to nobody, but moved in {differs}")


def _differing(wanted: Mapping[str, str], held: Mapping[str, str]) -> str:
    return ", ".join(name for name in sorted({*wanted, *held}) if wanted.get(name) != held.get(name))
