"""Judging a push from outside: what the two sandboxes hold, by their own journals and the generator's true pairs.

Shares no code with the connectors: it reads the systems' own JSON, so a mistake there is not repeated here.
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
    "born": ("BirthDate",),
    "gender": ("Gender",),
    "bill rate": ("BillRate",),
    "cost rate": ("CostRate",),
    "street": ("PrimaryAddr", "Line1"),
    "city": ("PrimaryAddr", "City"),
    "state": ("PrimaryAddr", "CountrySubDivisionCode"),
    "postal code": ("PrimaryAddr", "PostalCode"),
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
    "born": ("birth_date",),
    "gender": ("gender",),
    "bill rate": ("hourly_rate",),
    "cost rate": ("cost_rate",),
    "street": ("address", "line1"),
    "city": ("address", "city"),
    "state": ("address", "state"),
    "postal code": ("address", "postal_code"),
}
_PATHS = {"quickbooks": _QUICKBOOKS, "linarc": _LINARC}


def fields(system: str, raw: Mapping[str, Any]) -> dict[str, str]:
    """The fields that both systems carry, in a form that can be compared; empty ones left out."""
    found = {}
    for name, path in _PATHS[system].items():
        value: Any = raw
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value not in (None, ""):
            found[name] = _plain(name, value)
    return found


def _plain(name: str, value: Any) -> str:
    text = " ".join(str(value).split())
    if name in ("phone", "mobile"):
        digits = re.sub(r"\D", "", text)
        return digits[-10:]
    if name.endswith("rate"):
        return f"{Decimal(text).normalize():f}"
    return text.casefold() if name in ("email", "gender") else text


@dataclass(slots=True)
class Verdict:
    """What was found wrong, in words, and how many records ended in which status."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def judge(
    records: Iterable[Mapping[str, Any]],
    source: tuple[str, Mapping[str, Mapping[str, Any]]],
    destination: tuple[str, Mapping[str, Mapping[str, Any]]],
    created: Iterable[str],
    pairs: Mapping[str, str],
) -> Verdict:
    """Compare every record as Muster shows it with both systems (name, employees by remote id).

    `created` are the ids that the destination's journal says were created; `pairs` the true pairs, source to destination.
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
            _judge_equal(verdict, record["remote_id"], there, source, destination)
        elif record["status"] != "needs_action" or not record["reason"]:
            verdict.wrong.append(f"{record['remote_id']} ended as {record['status']} ({record['reason']})")
    verdict.wrong += [f"{i} at the source is not shown" for i in source[1] if i not in shown]
    verdict.wrong += [f"{i} was created {n} times" for i, n in made.items() if n > 1]
    verdict.wrong += [f"{i} was created for nobody" for i in made if linked[i] == 0]
    verdict.wrong += [f"{i} is linked to {n} records" for i, n in linked.items() if n > 1]
    return verdict


def _judge_link(
    verdict: Verdict, remote_id: str, there: str, made: Counter[str], pairs: Mapping[str, str]
) -> None:
    twin = pairs.get(remote_id)
    if there in made and twin is not None:
        verdict.wrong.append(f"{remote_id} was created as {there}, but stood there as {twin}")
    elif there not in made and twin != there:
        verdict.wrong.append(f"{remote_id} is linked to {there}, but is {twin or 'not there'}")


def _judge_equal(
    verdict: Verdict,
    remote_id: str,
    there: str | None,
    source: tuple[str, Mapping[str, Mapping[str, Any]]],
    destination: tuple[str, Mapping[str, Mapping[str, Any]]],
) -> None:
    ours, theirs = source[1].get(remote_id), destination[1].get(there or "")
    if ours is None or theirs is None:
        verdict.wrong.append(f"{remote_id} is Synced, but one of the two records does not exist")
        return
    wanted, held = fields(source[0], ours), fields(destination[0], theirs)
    differs = [name for name, value in wanted.items() if held.get(name) != value]
    if differs:
        verdict.wrong.append(f"{remote_id} is Synced, but differs in {', '.join(differs)}")
