"""How alike two records are: field by field, and as one number."""

from functools import lru_cache

from services.mapper.core.facts import Facts
from shared.contracts.events import Evidence

EQUAL, SIMILAR, DIFFERS, MISSING = "equal", "similar", "differs", "missing"
_EVIDENCE = {
    (f, v): Evidence(field=f, verdict=v)
    for f in ("number", "email", "first_name", "last_name", "phone", "birth_date")
    for v in (EQUAL, SIMILAR, DIFFERS, MISSING)
}
_WEIGHTS = {"number": (0.6, -0.2), "email": (0.55, -0.1), "phone": (0.25, 0.0), "birth_date": (0.25, -0.2)}
_SLIP_LENGTH = 3
_TWO_SLIPS_LENGTH = 8


def distance(a: str, b: str, most: int) -> int:
    """Letters to change, add, drop or swap with a neighbour to make `a` into `b`; `most + 1` when it takes more."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if older and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


@lru_cache(maxsize=262_144)
def similar_part(a: str, b: str) -> float:
    """How alike two normalised first (or last) names are: 1 equal, 0 not alike."""
    if a > b:
        return similar_part(b, a)
    x, y = a.replace(" ", ""), b.replace(" ", "")
    if not x or not y:
        return 0.0
    if x == y:
        return 1.0
    if min(len(x), len(y)) == 1:
        return 0.8 if x[0] == y[0] else 0.0
    short, long = sorted((set(a.split()), set(b.split())), key=len)
    if short < long and any(len(w) > 1 for w in short):
        return 0.9
    shorter, longer = min(len(x), len(y)), max(len(x), len(y))
    if shorter < _SLIP_LENGTH:
        return 0.6 if x[0] == y[0] and distance(x, y, 1) <= 1 else 0.0
    most = 2 if shorter >= _TWO_SLIPS_LENGTH else 1
    slips = distance(x, y, most)
    return round(1 - slips / longer, 2) if slips <= most else 0.0


def similar_keys(first: str, last: str, other_first: str, other_last: str) -> float:
    """How alike two whole names are: 0 unless one of the two names is equal and the other at least similar."""
    if first == other_first and last == other_last:
        return 1.0 if first or last else 0.0
    one, two = similar_part(first, other_first), similar_part(last, other_last)
    if one and two and (one == 1.0 or two == 1.0):
        return min(one, two)
    if similar_part(first, other_last) == 1.0 == similar_part(last, other_first):
        return 0.95
    return 0.0


def similar_names(a: Facts, b: Facts) -> float:
    """How alike the names of two records are, 0 to 1."""
    return similar_keys(a.first_key, a.last_key, b.first_key, b.last_key)


def strangers(a: Facts, b: Facts) -> bool:
    """Both have names, and nothing of them agrees."""
    if not (a.first_key or a.last_key) or not (b.first_key or b.last_key) or similar_names(a, b):
        return False
    mine, theirs = {*a.first_key.split(), *a.last_key.split()}, {*b.first_key.split(), *b.last_key.split()}
    if mine & theirs:
        return False
    return not similar_part(a.first_key, b.first_key) and not similar_part(a.last_key, b.last_key)


def plausible(a: Facts, b: Facts, *, by_phone: bool) -> bool:
    """Whether a person should look: a like name, the same telephone (of few), or the same last name and birth date."""
    return bool(
        similar_names(a, b)
        or (by_phone and a.phone_key is not None and a.phone_key == b.phone_key)
        or (a.born_key is not None and a.born_key == b.born_key)
    )


def _verdict(a: str | None, b: str | None) -> str:
    if not a or not b:
        return MISSING
    return EQUAL if a == b else DIFFERS


def _name_verdict(a: str, b: str) -> str:
    if not a or not b:
        return MISSING
    alike = similar_part(a, b)
    return EQUAL if alike == 1.0 else SIMILAR if alike else DIFFERS


def compare(a: Facts, b: Facts) -> tuple[Evidence, ...]:
    """Field by field."""
    born = (str(f.birth_date) if f.birth_date else None for f in (a, b))
    return (
        _EVIDENCE["number", _verdict(a.number_key, b.number_key)],
        _EVIDENCE["email", _verdict(a.email_key, b.email_key)],
        _EVIDENCE["first_name", _name_verdict(a.first_key, b.first_key)],
        _EVIDENCE["last_name", _name_verdict(a.last_key, b.last_key)],
        _EVIDENCE["phone", _verdict(a.phone_key, b.phone_key)],
        _EVIDENCE["birth_date", _verdict(*born)],
    )


def confidence(a: Facts, b: Facts, evidence: tuple[Evidence, ...]) -> float:
    """0.01 to 0.99: what each field adds or takes away. It ranks; it never decides."""
    total = 0.5 * similar_names(a, b)
    for e in evidence:
        up, down = _WEIGHTS.get(e.field, (0.0, 0.0))
        total += up if e.verdict == EQUAL else down if e.verdict == DIFFERS else 0.0
    return round(max(0.01, min(0.99, total)), 2)
