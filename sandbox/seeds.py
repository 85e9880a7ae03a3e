"""People in the wire shapes of the two systems, and the files they are seeded from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.person import Person


def linarc_wire(people: Iterable[Person]) -> Iterator[dict[str, Any]]:
    """Linarc's employees, ids `lin_000001` and up in the order given; absent values are left out."""
    for n, person in enumerate(people, 1):
        home = person.address
        address = home and {
            "line1": home.line1,
            "city": home.city,
            "state": home.state,
            "postal_code": home.postal_code,
            "country": home.country,
        }
        wire = {
            "id": linarc_id(n),
            "employee_number": person.number,
            "first_name": person.first,
            "middle_name": person.middle,
            "last_name": person.last,
            "suffix": person.suffix,
            "email": person.email,
            "phone": person.phone,
            "mobile": person.mobile,
            "title": person.title,
            "department": person.department,
            "permission_level": "manager" if person.department == "Operations" else "worker",
            "pay_type": "salary" if person.department == "Finance" else "hourly",
            "hourly_rate": person.bill_rate,
            "cost_rate": person.cost_rate,
            "hire_date": _iso(person.hire_date),
            "birth_date": _iso(person.birth_date),
            "gender": person.gender and person.gender.lower(),
            "address": address,
            "state": "active" if person.active else "terminated",
            "created_at": _long_ago(n),
            "updated_at": _long_ago(n),
        }
        yield {key: value for key, value in wire.items() if value is not None}


def quickbooks_wire(people: Iterable[Person]) -> Iterator[dict[str, Any]]:
    """QuickBooks' employees, ids `1` and up in the order given; a repeated name gets its own DisplayName."""
    taken: set[str] = set()
    for n, person in enumerate(people, 1):
        name = person.full_name
        shown = name if person.active else f"{name} (deleted)"
        if shown.casefold() in taken:
            shown = f"{name} ({person.number or n})"
        taken.add(shown.casefold())
        home = person.address
        address = home and {
            "Line1": home.line1,
            "City": home.city,
            "CountrySubDivisionCode": home.state,
            "PostalCode": home.postal_code,
        }
        wire = {
            "Id": str(n),
            "GivenName": person.first,
            "MiddleName": person.middle,
            "FamilyName": person.last,
            "Suffix": person.suffix,
            "DisplayName": shown,
            "PrintOnCheckName": name,
            "Active": person.active,
            "SSN": "XXX-XX-XXXX" if n % 3 == 0 else None,
            "EmployeeNumber": person.number,
            "BirthDate": _iso(person.birth_date),
            "Gender": person.gender,
            "HiredDate": _iso(person.hire_date),
            "PrimaryAddr": address,
            "PrimaryPhone": person.phone and {"FreeFormNumber": person.phone},
            "Mobile": person.mobile and {"FreeFormNumber": person.mobile},
            "PrimaryEmailAddr": person.email and {"Address": person.email},
            "BillableTime": person.bill_rate is not None,
            "BillRate": person.bill_rate,
            "CostRate": person.cost_rate,
            "MetaData": {"CreateTime": _long_ago(n), "LastUpdatedTime": _long_ago(n)},
        }
        yield {key: value for key, value in wire.items() if value is not None}


def linarc_id(n: int) -> str:
    """The id of Linarc's n-th employee."""
    return f"lin_{n:06d}"


def _long_ago(n: int) -> str:
    """Nobody was changed a moment before the sandbox began: a first delta finds nobody."""
    return (datetime(2024, 1, 8, 9, tzinfo=UTC) + timedelta(minutes=n % 500_000)).isoformat()


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def write_seed(path: Path, scope: str, employees: Iterable[dict[str, Any]]) -> None:
    """Write `{"<scope>": [employees]}` with one employee a line, so that it can be read line by line."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{{\n{json.dumps(scope)}: [")
        for n, employee in enumerate(employees):
            file.write(",\n" if n else "\n")
            file.write(json.dumps(employee, ensure_ascii=False, separators=(",", ":")))
        file.write("\n]\n}\n")


def read_seed(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(scope, employee) of a seed file; files of `write_seed` are never held whole in memory."""
    with path.open(encoding="utf-8") as file:
        head = (file.readline().strip(), file.readline().strip())
        if head[0] != "{" or not head[1].endswith(": ["):
            file.seek(0)
            yield from (
                (scope, employee) for scope, employees in json.load(file).items() for employee in employees
            )
            return
        scope = json.loads(head[1].removesuffix(": ["))
        for line in file:
            if line[0] == "]":
                return
            yield scope, json.loads(line.rstrip().removesuffix(","))
