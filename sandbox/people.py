"""Made-up people for both systems, the same for the same seed, with the true pairs between them."""

from __future__ import annotations

import argparse
import json
import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from sandbox.names import CITIES, CULTURES, DOMAINS, JOBS, STREETS, SUFFIXES
from sandbox.person import Address, Person
from sandbox.seeds import linarc_id, linarc_wire, quickbooks_wire, write_seed

T = TypeVar("T")
Direction = Literal["linarc-to-qbo", "qbo-to-linarc"]
SHARED_NAMES = 0.01
ALL_FAMILY_NAMES = tuple(name for culture in CULTURES for name in culture.family)
MOST_DRAWS = 100
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Scenario:
    """People of both systems; `pairs` are (source index, destination index) of the same person."""

    source: tuple[Person, ...]
    destination: tuple[Person, ...]
    pairs: tuple[tuple[int, int], ...]


class _Cast:
    """Draws people whose numbers and e-mails are unique and whose names repeat only on purpose."""

    def __init__(self, seed: int, shared_names: float) -> None:
        self._random = random.Random(seed)
        self._shared = shared_names
        self._names: set[tuple[str, str]] = set()
        self._recent: list[Person] = []
        self._emails: set[str] = set()
        self._number = 1000

    def draw(self) -> Person:
        r = self._random
        first: str | None
        last: str | None
        first, last, gender = self._name()
        if r.random() < 0.003 and (first.casefold(), "") not in self._names:
            self._names.add((first.casefold(), ""))
            last = None
        middle = r.choice("ABCDEFGHJKLMNPRSTVW") if r.random() < 0.18 else None
        suffix = r.choice(SUFFIXES) if r.random() < 0.03 else None
        if self._recent and r.random() < self._shared:
            twin = r.choice(self._recent)
            first, middle, last, suffix = twin.first, twin.middle, twin.last, twin.suffix
        self._number += 1
        title, department = r.choice(JOBS)
        cost = r.randint(22, 95) + r.choice((0.0, 0.25, 0.5, 0.75))
        person = Person(
            number=self._maybe(f"E-{self._number}", 0.93),
            first=first,
            middle=middle,
            last=last,
            suffix=suffix,
            email=self._email(first or "", last or "") if r.random() < 0.91 else None,
            phone=self._maybe(self._phone(), 0.8),
            mobile=self._maybe(self._phone(), 0.55),
            title=self._maybe(title, 0.95),
            department=self._maybe(department, 0.9),
            hire_date=self._day(date(2009, 1, 5), 6400) if r.random() < 0.93 else None,
            birth_date=self._day(date(1960, 1, 1), 15800) if r.random() < 0.7 else None,
            gender=self._maybe(gender, 0.8),
            address=self._address() if r.random() < 0.85 else None,
            bill_rate=round(cost * 1.5, 2) if r.random() < 0.6 else None,
            cost_rate=self._maybe(cost, 0.75),
            active=r.random() >= 0.04,
        )
        self._remember(person)
        return person

    def _remember(self, person: Person) -> None:
        if len(self._recent) < 200:
            self._recent.append(person)
        else:
            self._recent[self._random.randrange(200)] = person

    def _name(self) -> tuple[str, str, str]:
        r = self._random
        attempt = 0
        while True:
            culture = r.choice(CULTURES)
            gender = r.choice(("Female", "Male"))
            first = r.choice(culture.women if gender == "Female" else culture.men)
            last = r.choice(culture.family if attempt == 0 and r.random() < 0.8 else ALL_FAMILY_NAMES)
            if attempt > 2 or r.random() < 0.02:
                last = f"{last}-{r.choice(ALL_FAMILY_NAMES)}"
            key = (first.casefold(), last.casefold())
            attempt += 1
            if key not in self._names or attempt == MOST_DRAWS:
                self._names.add(key)
                return first, last, gender

    def _email(self, first: str, last: str) -> str:
        r = self._random
        given, family = ascii_word(first), ascii_word(last)
        local = r.choice((f"{given}.{family}", f"{given[:1]}{family}", f"{given}_{family}"))
        domain = r.choice(DOMAINS)
        email, n = f"{local}@{domain}", 1
        while email in self._emails:
            n += 1
            email = f"{local}{n}@{domain}"
        self._emails.add(email)
        return email

    def _phone(self) -> str:
        r = self._random
        return f"({r.randint(201, 989)}) 555-{r.randint(0, 9999):04d}"

    def _day(self, start: date, days: int) -> date:
        return start + timedelta(days=self._random.randrange(days))

    def _address(self) -> Address:
        r = self._random
        city, state, postal_code = r.choice(CITIES)
        return Address(f"{r.randint(1, 9800)} {r.choice(STREETS)}", city, state, postal_code)

    def _maybe(self, value: T, chance: float) -> T | None:
        return value if self._random.random() < chance else None


def plain(text: str) -> str:
    """The text without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def ascii_word(text: str) -> str:
    """The lower-case Latin letters of a name without accents: `Núñez` becomes `nunez`."""
    return re.sub(r"[^a-z]", "", plain(text).lower()) or "x"


def stream(count: int, seed: int = 7, shared_names: float = SHARED_NAMES) -> Iterator[Person]:
    """The people of `generate`, one at a time."""
    cast = _Cast(seed, shared_names)
    return (cast.draw() for _ in range(count))


def generate(count: int, seed: int = 7, shared_names: float = SHARED_NAMES) -> list[Person]:
    """The same people for the same count and seed; a share of `shared_names` is named like somebody else."""
    return list(stream(count, seed, shared_names))


def scenario(count: int, seed: int = 7, overlap: float = 0.6, shared_names: float = SHARED_NAMES) -> Scenario:
    """`count` people at the source, `overlap` of them at the destination in another form, a few only there.

    With overlap 0 the destination is empty.
    """
    both = round(count * overlap)
    extra = max(3, count // 50) if both else 0
    cast = _Cast(seed, shared_names)
    source = [cast.draw() for _ in range(count)]
    others = [cast.draw() for _ in range(extra)]
    r = random.Random(seed + 1)
    chosen = r.sample(range(count), both)
    arrivals: list[tuple[int | None, Person]] = [(i, vary(source[i], r)) for i in chosen]
    arrivals += [(None, person) for person in others]
    r.shuffle(arrivals)
    pairs = tuple(sorted((i, j) for j, (i, _) in enumerate(arrivals) if i is not None))
    return Scenario(tuple(source), tuple(person for _, person in arrivals), pairs)


def vary(person: Person, r: random.Random) -> Person:
    """The same person as somebody else typed it into another system."""
    other = replace(
        person,
        phone=_other_phone(person.phone, r),
        mobile=_other_phone(person.mobile, r) if r.random() < 0.8 else None,
        title=person.title if r.random() < 0.9 else None,
        middle=person.middle if r.random() < 0.8 else None,
        birth_date=person.birth_date if r.random() < 0.85 else None,
    )
    kind = r.random()
    if kind < 0.30:
        return other
    if kind < 0.45:
        return _recased(other, r)
    if kind < 0.55:
        return replace(other, first=_plain(other.first), last=_plain(other.last))
    if kind < 0.69:
        return replace(other, email=None)
    if kind < 0.82:
        return replace(other, number=None)
    if kind < 0.88:
        return replace(other, number=None, email=None)
    if kind < 0.95 and person.number:
        return replace(_with_typo(other, r), email=other.email if r.random() < 0.5 else None)
    if kind < 0.97 and person.email:
        return replace(_with_typo(other, r), number=None)
    return replace(_with_typo(other, r), number=None, email=None)


def _recased(person: Person, r: random.Random) -> Person:
    change = r.choice((str.upper, str.lower))
    email = person.email and r.choice((person.email.upper(), person.email.title()))
    return replace(
        person,
        first=person.first and change(person.first),
        last=person.last and change(person.last),
        email=email,
    )


def _plain(text: str | None) -> str | None:
    return text and plain(text)


def _other_phone(phone: str | None, r: random.Random) -> str | None:
    if phone is None:
        return None
    digits = re.sub(r"\D", "", phone)
    area, office, line = digits[:3], digits[3:6], digits[6:]
    forms = (
        phone,
        digits,
        f"{area}-{office}-{line}",
        f"{area}.{office}.{line}",
        f"+1 {area} {office} {line}",
    )
    return r.choice(forms)


def _with_typo(person: Person, r: random.Random) -> Person:
    if person.last and (not person.first or r.random() < 0.6):
        return replace(person, last=typo(person.last, r))
    return replace(person, first=typo(person.first or "X", r))


def typo(name: str, r: random.Random) -> str:
    """The name with one letter after the first dropped, doubled, replaced or swapped with its neighbour."""
    if len(name) < 3:
        return name + r.choice(_LETTERS)
    i = r.randrange(1, len(name) - 1)
    swapped = name[:i] + name[i + 1] + name[i] + name[i + 2 :]
    letter = r.choice([c for c in _LETTERS if c != name[i]])
    forms = (
        name[:i] + name[i + 1 :],
        name[:i] + name[i] + name[i:],
        name[:i] + letter + name[i + 1 :],
        swapped,
    )
    return next(form for form in (r.choice(forms), forms[2]) if form != name)


def write_scenario(out: Path, direction: Direction, made: Scenario, tenant: str, realm: str) -> None:
    """Write linarc.json, quickbooks.json and true_pairs.json ([Linarc id, QuickBooks id])."""
    from_linarc = direction == "linarc-to-qbo"
    linarc, quickbooks = (made.source, made.destination) if from_linarc else (made.destination, made.source)
    pairs = [(a, b) if from_linarc else (b, a) for a, b in made.pairs]
    out.mkdir(parents=True, exist_ok=True)
    write_seed(out / "linarc.json", tenant, linarc_wire(linarc))
    write_seed(out / "quickbooks.json", realm, quickbooks_wire(quickbooks))
    with (out / "true_pairs.json").open("w", encoding="utf-8") as file:
        json.dump({"pairs": [[linarc_id(a + 1), str(b + 1)] for a, b in pairs]}, file)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the seed files of one scenario."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.people", description=main.__doc__)
    parser.add_argument("--employees", type=int, default=250)
    parser.add_argument("--direction", choices=("linarc-to-qbo", "qbo-to-linarc"), default="linarc-to-qbo")
    parser.add_argument("--overlap", type=float, default=0.6)
    parser.add_argument(
        "--shared-names", type=float, default=SHARED_NAMES, help="share of people named like another"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--tenant", default="demo")
    parser.add_argument("--realm", default="9130350000000417")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    made = scenario(args.employees, args.seed, args.overlap, args.shared_names)
    write_scenario(args.out, args.direction, made, args.tenant, args.realm)


if __name__ == "__main__":
    main()
