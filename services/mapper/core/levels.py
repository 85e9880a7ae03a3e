"""How two names agree, as a level, and what each level says in bits, by how common the name is (`u`)."""

# ruff: noqa: PLR2004  (bits and bounds; docs/matching.md has the table)

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import log2

from rapidfuzz.distance import OSA, JaroWinkler

from services.mapper.core.names import family_words, skeleton, stems

_SHORT = 6
_MIN_INITIAL = 1


@lru_cache(maxsize=262_144)
def last_level(a: str, b: str) -> tuple[str, str]:
    """How two last names agree, and the word that they share when that is the level."""
    if not a or not b:
        return "missing", ""
    if a == b:
        return "equal", ""
    x, y = skeleton(a), skeleton(b)
    if x == y:
        return "spelling", ""
    mine, theirs = family_words(a), family_words(b)
    common = [w for w in mine if w in theirs and len(w) > 1]
    if common and (len(mine) > 1 or len(theirs) > 1):
        second = mine.index(common[0]) > 0 and theirs.index(common[0]) == 0
        second = second or (theirs.index(common[0]) > 0 and mine.index(common[0]) == 0)
        return ("second_word" if second else "word"), common[0]
    return _likeness(a, b), ""


def _likeness(a: str, b: str) -> str:
    """`slip`, `alike` or `differs`, by edit distance and Jaro-Winkler similarity."""
    p, q = a.replace(" ", ""), b.replace(" ", "")
    longest = min(len(p), len(q))
    edits = OSA.distance(p, q, score_cutoff=3)
    likeness = JaroWinkler.similarity(p, q, prefix_weight=0.1, score_cutoff=0.84)
    if longest > 2 and (edits <= 1 or (longest > _SHORT and (edits <= 2 or likeness >= 0.92))):
        return "slip"
    if longest > 2 and (likeness >= 0.84 or (edits <= 3 and longest > _SHORT)):
        return "alike"
    return "differs"


@lru_cache(maxsize=262_144)
def first_level(a: str, b: str) -> str:
    """How two given names agree."""
    if not a or not b:
        return "missing"
    if a == b:
        return "equal"
    x, y = a.replace(" ", ""), b.replace(" ", "")
    if min(len(x), len(y)) == _MIN_INITIAL:
        return "initial" if x[0] == y[0] else "other_initial"
    if skeleton(a) == skeleton(b) and not _gendered(x, y):
        return "spelling"
    mine, theirs = a.split(), b.split()
    if len(mine) + len(theirs) > 2 and set(mine) & set(theirs):
        return "word"
    if not stems(mine[0]).isdisjoint(stems(theirs[0])):
        return "nickname"
    return _ending(x, y) if x[0] == y[0] else _likeness(a, b)


def _ending(x: str, y: str) -> str:
    """How two given names with one initial agree."""
    if _diminutive(x, y):
        return "nickname"
    if _gendered(x, y):
        return "gendered"
    if x.startswith(y) or y.startswith(x):  # Marco and Marcos, Carl and Carlos: an ending is no typing slip
        return "alike"
    return _likeness(x, y)


def _diminutive(x: str, y: str) -> bool:
    """Nell and Nelly, Max and Maxie: the same name with an ending; Carl and Carly are a man's and a woman's name."""
    short, long = sorted((x, y), key=len)
    return (
        len(short) > 2
        and long in {short + end for end in ("y", "ie", "ey", short[-1] + "y", short[-1] + "ie")}
        and short not in _WITH_ANOTHER_GENDER
    )


def _gendered(x: str, y: str) -> bool:
    """Daniel and Daniela, Mario and Maria: one letter makes it another person's name."""
    short, long = sorted((x, y), key=len)
    return (long == short + "a" and short[-1] not in "aeiou") or (
        len(x) == len(y) and x[:-1] == y[:-1] and {x[-1], y[-1]} == {"o", "a"}
    )


_WITH_ANOTHER_GENDER = frozenset({"carl", "karl", "marc", "mark"})
"""Given names that an ending -y or -ie turns into another person's."""
LAST_BITS: dict[str, Callable[[float], float]] = {
    "spelling": lambda u: log2(0.3 / (1.5 * u)),
    "word": lambda u: log2(0.2 / (1.5 * u)),
    "second_word": lambda u: log2(0.06 / (1.5 * u)),
    "equal": lambda u: log2(0.85 / u),
    "slip": lambda u: log2(0.1 / (3 * u + 0.0012)),
    "alike": lambda u: log2(0.03 / (8 * u + 0.012)),
}
LAST_FIXED = {"differs": -4.5, "missing": 0.0}
"""Bits that do not hang on how common the names are."""
FIRST_BITS: dict[str, Callable[[float], float]] = {
    "equal": lambda u: log2(0.8 / u),
    "spelling": lambda u: log2(0.3 / (1.5 * u)),
    "nickname": lambda u: log2(0.12 / (1.5 * u + 0.001)),
    "word": lambda u: log2(0.12 / (1.5 * u + 0.001)),
    "middle_in_use": lambda u: log2(0.12 / (1.5 * u + 0.001)),
    "slip": lambda u: log2(0.1 / (3 * u + 0.003)),
    "alike": lambda u: log2(0.03 / (6 * u + 0.02)),
}
FIRST_FIXED = {
    "initial": 1.5,
    "other_initial": -4.0,
    "two_names": -2.5,
    "gendered": -4.5,
    "differs": -4.5,
    "missing": 0.0,
}
MIDDLE_MAY_REPLACE = frozenset({"differs", "other_initial", "alike", "initial", "two_names"})
GOOD_NAME = frozenset({"equal", "spelling", "nickname", "word", "second_word", "middle_in_use", "slip"})


def email_slipped(x: str, y: str) -> bool:
    """Whether one e-mail address may be the other with a slip, or the same person's elsewhere."""
    local = x.partition("@")[0]
    return OSA.distance(x, y, score_cutoff=1) <= 1 or (local == y.partition("@")[0] and len(local) > 3)


def share_a_phone(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether two of these numbers may be one: by their last seven digits."""
    for x in mine:
        tail = x[-7:]
        for y in theirs:
            if y[-7:] == tail:
                return True
    return False


def phone_slipped(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether one of these numbers may be one of the others with a wrong digit."""
    for x in mine:
        for y in theirs:
            if len(x) == len(y) and OSA.distance(x, y, score_cutoff=1) <= 1:
                return True
    return False
