"""A record in the forms in which it is matched, and the keys by which its candidates are found."""

# ruff: noqa: E501  (tables)

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from services.mapper.core.names import family_words, folded, name_of, skeleton, stems
from shared.domain.employee import Employee

_ROLES = frozenset({
    "office", "info", "payroll", "admin", "hr", "yard", "crew", "none", "noemail", "noreply", "test", "mail", "contact", "accounting",
    "accounts", "ap", "ar", "jobs", "hello", "team", "shop", "dispatch", "field", "na", "unknown", "nobody", "email", "sales", "billing",
})  # fmt: skip
_NO_BIRTH_DATES = frozenset({date(1900, 1, 1), date(1901, 1, 1), date(1970, 1, 1)})
_NO_PHONES = frozenset({"1234567", "5551212"})
_WAYS = {
    "street": "st", "avenue": "ave", "av": "ave", "road": "rd", "drive": "dr", "lane": "ln", "court": "ct", "place": "pl", "circle": "cir",
    "boulevard": "blvd", "highway": "hwy", "parkway": "pkwy", "terrace": "ter", "square": "sq", "crescent": "cres", "circuit": "cct", "close": "cl",
    "north": "n", "south": "s", "east": "e", "west": "w", "apartment": "apt", "suite": "ste", "mount": "mt", "saint": "st",
}  # fmt: skip
_BETWEEN_WORDS = re.compile(r"\W+")
_EXTENSION = re.compile(r";|x|ext")
_NO_DIGITS = re.compile(r"\D+")
_GROUPS = re.compile(r"[a-z]+|\d+")
_HOUSE = re.compile(r"\s*(\d+[a-z]?)\b\W*(.*)", re.DOTALL)
_LEAST_PHONE_DIGITS = 8  # without its area code a number is that of many people
_PHONE_DIGITS = 10


class Profile(NamedTuple):
    """The normal forms of one record; what is absent or a placeholder is empty or None."""

    record_id: UUID
    active: bool
    first: str
    middle: str
    last: str
    generation: int | None
    firm: bool
    gender: str
    number: str
    """All groups of letters and of digits, joined by `-`, without leading zeros."""
    number_digits: str
    """The groups of digits alone."""
    number_text: str
    """The number as it is written, in lower case: tells `0042` from `42` where both are somebody's."""
    email: str
    phones: tuple[str, ...]
    born: date | None
    hired: date | None
    house: str
    street: str
    line2: str
    city: str
    state: str
    postal: str

    @classmethod
    def stored(cls, columns: Iterable[Any]) -> Profile:
        """A record from the columns of these fields, with its number as it is shown and an array of telephones."""
        fields = list(columns)
        fields[_NUMBER_TEXT] = number_text(fields[_NUMBER_TEXT])
        fields[_PHONES] = tuple(fields[_PHONES])
        return cls._make(fields)

    def home(self) -> str:
        """House number, street and postal code as one value; empty when one of them is missing."""
        return (
            f"{self.house}|{self.street}|{self.postal}" if self.house and self.street and self.postal else ""
        )


_NUMBER_TEXT, _PHONES = map(Profile._fields.index, ("number_text", "phones"))


def profile_of(record_id: UUID, employee: Employee) -> Profile:
    """The normal forms of a readable record."""
    name = name_of(
        employee.first_name, employee.middle_name, employee.last_name, employee.suffix, employee.display_name
    )
    strict, digits = number_forms(employee.number)
    house, street = _street(employee.address_line1)
    email, phones = email_form(employee.email), phone_forms(employee.mobile, employee.phone)
    born = employee.birth_date if employee.birth_date not in _NO_BIRTH_DATES else None
    line2, city = _plain(employee.address_line2), _plain(employee.address_city)
    postal = "".join(filter(str.isalnum, folded(employee.address_postal_code or "")))[:5]
    return Profile(
        record_id,
        employee.active is not False,
        name.first,
        name.middle,
        name.last,
        name.generation,
        name.firm,
        (employee.gender or "").casefold()[:1],
        strict,
        digits,
        number_text(employee.number),
        email,
        phones,
        born,
        employee.hire_date,
        house,
        street,
        line2,
        city,
        _plain(employee.address_state),
        postal,
    )


def number_forms(number: str | None) -> tuple[str, str]:
    """An employee number in its strict and its loose form: `E-0012` gives `e-12` and `12`."""
    if not number:
        return "", ""
    if number.isascii() and number.isdigit():
        plain = number.lstrip("0")
        return plain, plain
    text = folded(number)
    text = text[:-2] if re.fullmatch(r"\d+\.0", text) else text
    groups = [g.lstrip("0") if g.isdigit() else g for g in _GROUPS.findall(text)]
    digits = [g for g in groups if g.isdigit()]
    if not digits:
        return "", ""
    return "-".join(g for g in groups if g), "-".join(digits)


def number_text(number: str | None) -> str:
    """An employee number as it is written, without case and outer blanks."""
    return folded(number).strip() if number else ""


def email_form(email: str | None) -> str:
    """The address in lower case without a `+tag`; a role's address is no evidence of a person."""
    if not email or "@" not in email:
        return ""
    local, _, domain = email.strip().lower().partition("@")
    local = local.partition("+")[0]
    return "" if local in _ROLES else f"{local}@{domain}"


def phone_forms(*numbers: str | None) -> tuple[str, ...]:
    """The last ten digits of each number, without extensions and placeholders."""
    found: list[str] = []
    for number in numbers:
        digits = _NO_DIGITS.sub("", _EXTENSION.split(number.lower(), 1)[0]) if number else ""
        digits = digits.removeprefix("001")
        short = digits[-_PHONE_DIGITS:]
        if (
            len(short) < _LEAST_PHONE_DIGITS
            or len(set(short)) == 1
            or short[-7:] in _NO_PHONES
            or short in found
        ):
            continue
        found.append(short)
    return tuple(found)


@lru_cache(maxsize=65_536)
def _plain(text: str | None) -> str:
    return " ".join(_WAYS.get(w, w) for w in _BETWEEN_WORDS.split(folded(text)) if w) if text else ""


def _street(line: str | None) -> tuple[str, str]:
    match = _HOUSE.fullmatch(folded(line)) if line else None
    return (match[1], _plain(match[2])) if match else ("", _plain(line))


def keys_of(p: Profile) -> list[int]:
    """The blocking keys of a record as 64-bit numbers; two records are compared when they share one."""
    return _hashed(key_texts(p))


def identity_keys_of(p: Profile) -> list[int]:
    """Those of number, e-mail address, telephones and birth date: few records have one, and they say the most."""
    return _hashed(_identity_texts(p))


def _hashed(texts: Collection[str]) -> list[int]:
    digests = [blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return list(struct.unpack(f"<{len(digests)}q", b"".join(digests)))


def _together(kind: str, one: str, other: str) -> str:
    """A key of two texts, whatever their order."""
    return f"{kind}:{one}|{other}" if one <= other else f"{kind}:{other}|{one}"


def _identity_texts(p: Profile) -> set[str]:
    keys = {f"t:{phone[-7:]}" for phone in p.phones}
    if p.number_digits:
        keys.add(f"n:{p.number_digits}")
    if p.email:
        keys.add(f"e:{p.email}")
    if p.born:
        keys.add(f"b:{p.born}")
    return keys


def key_texts(p: Profile) -> set[str]:  # noqa: C901  (a table of keys)
    """The blocking keys of a record as text."""
    keys = _identity_texts(p)
    add = keys.add
    first, last = skeleton(p.first), skeleton(p.last)
    if first and last:
        for a, b in ((last, first), (first, last)):
            add(f"1:{a}|{b[0]}")
            add(f"2:{a}|{b[-1]}")
        add(_together("3", first[:3], last[:3]))
        for given in p.first.split():
            for word in family_words(p.last):
                for stem in stems(given):
                    add(_together("4", skeleton(stem), skeleton(word)))
    elif first or last:
        add(f"5:{first or last}")
    for given in p.first.split():
        add(f"5:{skeleton(given)}") if not last else None
    for kind, one, two in (
        ("6", p.house, p.postal),
        ("7", p.street[:5], p.postal),
        ("8", p.house, p.street),
        ("9", p.house, p.city),
        ("h", p.house, p.line2),
        ("c", p.line2, p.city),
    ):
        if one and two:
            add(f"{kind}:{one}|{two}")
    for place in (p.postal, p.city):
        for name in (first, last):
            if place and name:
                add(f"p:{name}|{place}")
    return keys
