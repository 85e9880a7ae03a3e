"""Every kind of pair that matching meets: the same person in two forms, and different people who look alike.

A case holds a few records of each side and says which are the same person. `expected` is what a careful person would want:
`link` (must link by itself), `ask` (must never link by itself, and must be shown), `never` (must not link), `any` (a link or a case).
"""

# ruff: noqa: E501  (tables)

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from sandbox.names import CULTURES
from sandbox.people import typo
from shared.domain.employee import Employee

Values = dict[str, Any]
STREETS = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Foundry",
    "Granite",
    "Harbor",
    "Iron",
    "Juniper",
    "Kiln",
    "Lumber",
    "Mill",
    "Quarry",
)
WAYS = (("Street", "St"), ("Avenue", "Ave"), ("Road", "Rd"), ("Drive", "Dr"), ("Lane", "Ln"))
CITIES = (("Lakewood", "CO", "80228"), ("Tacoma", "WA", "98402"), ("Fresno", "CA", "93701"), ("Reno", "NV", "89501"), ("Mesa", "AZ", "85201"),
          ("Boise", "ID", "83702"), ("Salem", "OR", "97301"), ("Provo", "UT", "84601"))  # fmt: skip


class Case(NamedTuple):
    """Records of both sides that belong together; `same` are (source, destination) indexes of one person."""

    kind: str
    expected: str
    source: tuple[Employee, ...]
    destination: tuple[Employee, ...]
    same: tuple[tuple[int, int], ...]


class Maker:
    """Makes up construction people, each with a number, an e-mail address, telephones, dates and a home of their own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._n = 1000 + seed % 7

    def person(self, **fixed: Any) -> Values:
        """Somebody new, as the fields of an Employee."""
        r = self.random
        self._n += r.randint(1, 4)
        culture = r.choice(CULTURES)
        woman = r.random() < 0.4
        first = r.choice(culture.women if woman else culture.men)
        last = r.choice(culture.family)
        city, state, postal = r.choice(CITIES)
        way = r.choice(WAYS)[0]
        made = {
            "number": str(self._n),
            "first_name": first,
            "last_name": last,
            "email": f"{_ascii(first)}.{_ascii(last)}{self._n}@{r.choice(('builders', 'gmail', 'site', 'crew'))}.example",
            "mobile": self.phone(),
            "birth_date": date(1958, 1, 2) + timedelta(days=r.randrange(16500)),
            "hire_date": date(2012, 1, 9) + timedelta(days=r.randrange(4500)),
            "gender": "female" if woman else "male",
            "address_line1": f"{r.randint(11, 9899)} {r.choice(STREETS)} {way}",
            "address_city": city,
            "address_state": state,
            "address_postal_code": f"{postal[:3]}{r.randrange(100):02d}",
            "active": True,
        }
        return {**made, **fixed}

    def phone(self) -> str:
        """A North American number."""
        r = self.random
        return f"{r.choice((303, 253, 559, 775, 480))}{r.randint(200, 999)}{r.randint(0, 9999):04d}"

    def sparse(self, values: Values, *fields: str) -> Values:
        """The same record without everything but its name and these fields."""
        kept = {"first_name", "middle_name", "last_name", "suffix", "display_name", "active", *fields}
        return {k: v for k, v in values.items() if k in kept}


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if c.isascii() and c.isalpha()).lower() or "x"


def _without(values: Values, *fields: str) -> Values:
    return {k: v for k, v in values.items() if k not in fields}


def _one(kind: str, expected: str, a: Values, b: Values, *, same: bool = True) -> Case:
    return Case(kind, expected, (Employee(**a),), (Employee(**b),), ((0, 0),) if same else ())


Kind = Callable[[Maker], Case]
KINDS: dict[str, Kind] = {}


def kind(make: Kind) -> Kind:
    """Register a kind under its function's name."""
    KINDS[make.__name__] = make
    return make


# The same person


@kind
def equal_in_everything(m: Maker) -> Case:
    p = m.person()
    return _one("equal_in_everything", "link", p, dict(p))


@kind
def english_nickname(m: Maker) -> Case:
    full, short = m.random.choice(
        (
            ("William", "Bill"),
            ("Robert", "Bob"),
            ("Elizabeth", "Liz"),
            ("Richard", "Dick"),
            ("Margaret", "Peggy"),
        )
    )
    p = m.person(first_name=full)
    return _one("english_nickname", "link", p, {**_without(p, "number", "email"), "first_name": short})


@kind
def spanish_nickname(m: Maker) -> Case:
    full, short = m.random.choice(
        (
            ("José", "Pepe"),
            ("Francisco", "Paco"),
            ("Jesús", "Chuy"),
            ("Guillermo", "Memo"),
            ("Ignacio", "Nacho"),
        )
    )
    p = m.person(first_name=full)
    return _one("spanish_nickname", "link", p, {**_without(p, "number"), "first_name": short})


@kind
def nickname_and_nothing_else(m: Maker) -> Case:
    p = m.person(first_name="William")
    return _one("nickname_and_nothing_else", "ask", m.sparse(p), {**m.sparse(p), "first_name": "Bill"})


@kind
def married_name(m: Maker) -> Case:
    p = m.person()
    q = {
        **_without(p, "number", "email"),
        "last_name": m.random.choice(("Vanterpool", "Okonkwo", "Lindqvist")),
    }
    return _one("married_name", "any", p, q)


@kind
def names_swapped(m: Maker) -> Case:
    p = m.person()
    q = {**_without(p, "number", "email"), "first_name": p["last_name"], "last_name": p["first_name"]}
    return _one("names_swapped", "any", p, q)


@kind
def transliterated(m: Maker) -> Case:
    (f, g), (a, b) = m.random.choice(
        (
            (("Dmitry", "Dmitri"), ("Shcherbakov", "Scherbakov")),
            (("Jürgen", "Juergen"), ("Müller", "Mueller")),
        )
    )
    p = m.person(first_name=f, last_name=a)
    return _one("transliterated", "any", p, {**_without(p, "number"), "first_name": g, "last_name": b})


@kind
def two_surnames_written_as_one(m: Maker) -> Case:
    p = m.person(last_name=f"{m.random.choice(CULTURES[2].family)} {m.random.choice(CULTURES[2].family)}")
    which = m.random.choice((0, -1))
    return _one(
        "two_surnames_written_as_one",
        "any",
        p,
        {**_without(p, "email"), "last_name": p["last_name"].split()[which]},
    )


@kind
def slips_in_both_names(m: Maker) -> Case:
    p = m.person()
    q = {
        **_without(p, "number"),
        "first_name": typo(p["first_name"], m.random),
        "last_name": typo(p["last_name"], m.random),
    }
    return _one("slips_in_both_names", "any", p, q)


@kind
def two_slips_in_one_name(m: Maker) -> Case:
    p = m.person()
    q = {**_without(p, "number"), "last_name": typo(typo(p["last_name"], m.random), m.random)}
    return _one("two_slips_in_one_name", "any", p, q)


@kind
def first_initial(m: Maker) -> Case:
    p = m.person()
    return _one("first_initial", "any", p, {**_without(p, "email"), "first_name": p["first_name"][0]})


@kind
def hyphenated(m: Maker) -> Case:
    p = m.person(last_name="Garcia-Huidobro")
    joined = m.random.choice(("Garcia Huidobro", "GarciaHuidobro", "GARCIA-HUIDOBRO"))
    return _one("hyphenated", "link", p, {**_without(p, "email"), "last_name": joined})


@kind
def diacritics(m: Maker) -> Case:
    p = m.person(first_name="Íñigo", last_name="Zúñiga")
    return _one(
        "diacritics", "link", p, {**_without(p, "email"), "first_name": "Inigo", "last_name": "Zuniga"}
    )


@kind
def unicode_forms(m: Maker) -> Case:
    p = m.person()
    forms = (
        unicodedata.normalize("NFD", p["last_name"]),
        "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in p["last_name"]),
        p["last_name"][:1] + "\u200d" + p["last_name"][1:],
        p["last_name"].replace("a", "а").replace("o", "о"),
        p["last_name"].replace("'", "’"),
    )
    return _one("unicode_forms", "link", p, {**_without(p, "email"), "last_name": m.random.choice(forms)})


@kind
def one_name_only(m: Maker) -> Case:
    p = m.person(first_name="Budi", last_name=None)
    q = {**_without(p, "number"), "first_name": None, "last_name": "Budi"}
    return _one("one_name_only", "any", p, q)


@kind
def name_only(m: Maker) -> Case:
    p = m.person()
    return _one("name_only", "ask", m.sparse(p), m.sparse(p))


@kind
def display_name_only(m: Maker) -> Case:
    p = m.person()
    q = {
        **_without(p, "first_name", "last_name", "email"),
        "display_name": f"{p['last_name']}, {p['first_name']} (Foreman)",
    }
    return _one("display_name_only", "link", p, q)


@kind
def other_form_of_number(m: Maker) -> Case:
    p = m.person()
    n = p["number"]
    form = m.random.choice((f"E-{n}", f"EMP{n}", f"{n}.0", f"00{n}", f"e{n}"))
    return _one("other_form_of_number", "link", p, {**_without(p, "email"), "number": form})


@kind
def other_form_of_telephone(m: Maker) -> Case:
    p = m.person()
    t = p["mobile"]
    form = m.random.choice((f"+1 {t[:3]} {t[3:6]} {t[6:]}", f"({t[:3]}) {t[3:6]}-{t[6:]} x12", f"001{t}"))
    return _one(
        "other_form_of_telephone", "any", p, {**_without(p, "number", "email", "birth_date"), "mobile": form}
    )


@kind
def placeholder_values(m: Maker) -> Case:
    p = m.person(email="none@none.com", mobile="000-000-0000", birth_date=date(1900, 1, 1))
    return _one("placeholder_values", "link", p, dict(p))


@kind
def placeholders_shared_by_strangers(m: Maker) -> Case:
    shared: Values = {
        "number": "N/A",
        "email": "none@none.com",
        "mobile": "0000000000",
        "birth_date": date(1900, 1, 1),
    }
    return _one(
        "placeholders_shared_by_strangers", "never", m.person(**shared), m.person(**shared), same=False
    )


@kind
def middle_name_in_use(m: Maker) -> Case:
    p = m.person(first_name="James", middle_name="Tyler")
    return _one(
        "middle_name_in_use", "any", p, {**_without(p, "email", "middle_name"), "first_name": "Tyler"}
    )


@kind
def birth_date_slip(m: Maker) -> Case:
    born = date(1984, 3, 11)
    p = m.person(birth_date=born)
    return _one(
        "birth_date_slip",
        "any",
        p,
        {**_without(p, "email"), "birth_date": m.random.choice((date(1984, 11, 3), date(1984, 3, 17)))},
    )


@kind
def moved_home(m: Maker) -> Case:
    p, other = m.person(), m.person()
    home = {k: v for k, v in other.items() if k.startswith("address_")}
    return _one("moved_home", "any", p, {**_without(p, "email"), **home})


@kind
def other_email(m: Maker) -> Case:
    p = m.person()
    return _one(
        "other_email",
        "link",
        p,
        {**p, "email": f"{_ascii(p['last_name'])}{m.random.randrange(9999)}@home.example"},
    )


@kind
def renumbered(m: Maker) -> Case:
    p = m.person()
    return _one("renumbered", "link", p, {**p, "number": str(90000 + m.random.randrange(9999))})


@kind
def inactive_at_the_destination(m: Maker) -> Case:
    p = m.person()
    return _one("inactive_at_the_destination", "any", p, {**p, "active": False})


@kind
def two_records_at_the_destination(m: Maker) -> Case:
    p = m.person()
    old = {**_without(p, "email"), "active": False}
    new = {**p, "number": None}
    return Case(
        "two_records_at_the_destination",
        "any",
        (Employee(**p),),
        (Employee(**new), Employee(**old)),
        ((0, 0), (0, 1)),
    )


@kind
def two_records_at_the_source(m: Maker) -> Case:
    p = m.person()
    again = {**p, "number": str(80000 + m.random.randrange(9999))}
    return Case(
        "two_records_at_the_source",
        "any",
        (Employee(**p), Employee(**again)),
        (Employee(**p),),
        ((0, 0), (1, 0)),
    )


# Different people


def _relative(m: Maker, p: Values, **other: Any) -> Values:
    """Somebody else at the same home."""
    q = m.person()
    home = {k: v for k, v in p.items() if k.startswith("address_")}
    return {**q, **home, "last_name": p["last_name"], **other}


@kind
def junior_and_senior(m: Maker) -> Case:
    p = m.person(suffix="Sr", birth_date=date(1960, 5, 4), gender="male")
    j = _relative(
        m,
        p,
        first_name=p["first_name"],
        suffix="Jr",
        birth_date=date(1987, 2, 9),
        gender="male",
        email=p["email"],
    )
    return Case(
        "junior_and_senior",
        "any",
        (Employee(**p), Employee(**j)),
        (Employee(**p), Employee(**j)),
        ((0, 0), (1, 1)),
    )


@kind
def junior_where_only_senior_stands(m: Maker) -> Case:
    p = m.person(suffix="Sr", birth_date=date(1960, 5, 4), gender="male")
    j = _relative(
        m,
        p,
        first_name=p["first_name"],
        suffix="Jr",
        birth_date=date(1987, 2, 9),
        gender="male",
        email=p["email"],
    )
    return _one("junior_where_only_senior_stands", "never", j, p, same=False)


@kind
def twins(m: Maker) -> Case:
    p = m.person(first_name="Marco", gender="male")
    q = _relative(m, p, first_name="Marcus", gender="male", birth_date=p["birth_date"], mobile=p["mobile"])
    return _one("twins", "never", _without(p, "number", "email"), _without(q, "number", "email"), same=False)


@kind
def spouses_with_one_email(m: Maker) -> Case:
    p = m.person(first_name="Daniel", gender="male")
    q = _relative(m, p, first_name="Grace", gender="female", email=p["email"], mobile=p["mobile"])
    return _one("spouses_with_one_email", "never", p, q, same=False)


@kind
def spouses_with_one_initial(m: Maker) -> Case:
    p = m.person(first_name="Michael", gender=None)
    q = _relative(m, p, first_name="M", gender=None, email=p["email"], mobile=p["mobile"])
    return _one(
        "spouses_with_one_initial",
        "never",
        _without(p, "birth_date", "number"),
        _without(q, "birth_date", "number"),
        same=False,
    )


@kind
def siblings_with_like_names(m: Maker) -> Case:
    p = m.person(first_name="Carl", gender="male")
    q = _relative(m, p, first_name="Carlos", gender="male", mobile=p["mobile"])
    return _one(
        "siblings_with_like_names",
        "never",
        _without(p, "number", "birth_date"),
        _without(q, "number", "birth_date"),
        same=False,
    )


@kind
def daniel_and_daniela(m: Maker) -> Case:
    p = m.person(first_name="Daniel", gender=None)
    q = _relative(m, p, first_name="Daniela", gender=None, mobile=p["mobile"])
    return _one(
        "daniel_and_daniela",
        "never",
        _without(p, "number", "birth_date"),
        _without(q, "number", "birth_date"),
        same=False,
    )


@kind
def namesakes_with_birth_dates(m: Maker) -> Case:
    p = m.person()
    q = m.person(
        first_name=p["first_name"],
        last_name=p["last_name"],
        birth_date=p["birth_date"] + timedelta(days=3999),
    )
    return _one("namesakes_with_birth_dates", "never", p, q, same=False)


@kind
def namesakes_without_birth_date(m: Maker) -> Case:
    p = m.person()
    q = m.person(first_name=p["first_name"], last_name=p["last_name"])
    return _one(
        "namesakes_without_birth_date",
        "never",
        _without(p, "birth_date"),
        _without(q, "birth_date"),
        same=False,
    )


@kind
def number_used_again_by_a_stranger(m: Maker) -> Case:
    p = m.person()
    return _one(
        "number_used_again_by_a_stranger", "never", p, m.person(number=p["number"], active=False), same=False
    )


@kind
def number_used_again_by_a_namesake(m: Maker) -> Case:
    p = m.person(first_name="José", last_name="García")
    q = m.person(first_name="Juan", last_name="García", number=p["number"], gender="male")
    return _one("number_used_again_by_a_namesake", "never", {**p, "gender": "male"}, q, same=False)


@kind
def office_email_shared(m: Maker) -> Case:
    p = m.person(email="office@ridgeline.example")
    q = m.person(email="office@ridgeline.example", last_name=p["last_name"])
    return _one("office_email_shared", "never", p, q, same=False)


@kind
def firm_kept_as_an_employee(m: Maker) -> Case:
    p = m.person()
    q = {"display_name": f"{p['last_name']} Trucking LLC", "mobile": p["mobile"], "address_line1": p["address_line1"],
         "address_city": p["address_city"], "address_postal_code": p["address_postal_code"], "active": True}  # fmt: skip
    return _one("firm_kept_as_an_employee", "never", p, q, same=False)


@kind
def numbers_that_run_together(m: Maker) -> Case:
    n = str(10000 + m.random.randrange(80000))
    p, q = m.person(number=f"{n[:2]}-{n[2:]}"), m.person(number=f"{n[:1]}-{n[1:]}")
    return _one("numbers_that_run_together", "never", p, {**q, "last_name": p["last_name"]}, same=False)


@kind
def numbers_alike_but_for_zeros(m: Maker) -> Case:
    a, b = m.person(number="0042"), m.person(number="42")
    return Case(
        "numbers_alike_but_for_zeros",
        "link",
        (Employee(**a), Employee(**b)),
        (Employee(**m.sparse(a, "number", "email")),),
        ((0, 0),),
    )


@kind
def new_person(m: Maker) -> Case:
    return Case("new_person", "any", (Employee(**m.person()),), (), ())


@kind
def only_at_the_destination(m: Maker) -> Case:
    return Case("only_at_the_destination", "any", (), (Employee(**m.person()),), ())


def cases(seed: int, each: int) -> Iterator[Case]:
    """`each` cases of every kind, and ten times as many people who are merely new or known."""
    maker = Maker(seed)
    for name, make in KINDS.items():
        plain = name in ("equal_in_everything", "new_person", "only_at_the_destination")
        for _ in range(each * (10 if plain else 1)):
            yield make(maker)
