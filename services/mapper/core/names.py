"""Names in the forms in which they are compared: words, skeletons, stems and generations. Pure and deterministic."""

# ruff: noqa: E501  (tables)

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from nicknames import NickNamer

_PUNCTUATION = {ord(c): None for c in "'`´’‘ʼ.\"“”"} | {ord(c): " " for c in ",;:/\\-_()[]{}+*#&|\t\n\r‐‑‒–—"}
_LETTERS = str.maketrans({
    "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "ħ": "h",
    # Cyrillic and Greek letters that look like Latin ones: a keyboard in the wrong layout, or a pasted name
    "а": "a", "в": "b", "е": "e", "к": "k", "м": "m", "н": "h", "о": "o", "р": "p", "с": "c", "т": "t", "у": "y", "х": "x", "і": "i",
    "ј": "j", "ѕ": "s", "α": "a", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "u", "χ": "x",
})  # fmt: skip
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "phd", "md", "esq", "pe"})
_GENERATIONS = {
    "sr": 1,
    "senior": 1,
    "i": 1,
    "jr": 2,
    "junior": 2,
    "ii": 2,
    "2nd": 2,
    "iii": 3,
    "3rd": 3,
    "iv": 4,
    "4th": 4,
}
_PARTICLES = frozenset({
    "de", "del", "dela", "la", "las", "los", "el", "al", "da", "do", "dos", "das", "di", "van", "von", "der", "den", "ter", "ten", "zu",
    "y", "e", "bin", "ibn", "abu", "san", "st",
})  # fmt: skip
_FIRM = frozenset({
    "llc", "inc", "incorporated", "corp", "corporation", "ltd", "co", "company", "sons", "bros", "brothers", "trucking", "concrete",
    "plumbing", "electric", "construction", "contracting", "contractors", "services", "roofing", "masonry", "excavating", "rentals",
})  # fmt: skip
_SPANISH_AND_SLAVIC = {
    "pepe": "jose", "paco": "francisco", "pancho": "francisco", "chuy": "jesus", "lupe": "guadalupe", "memo": "guillermo", "nacho": "ignacio",
    "beto": "roberto alberto", "lalo": "eduardo", "quique": "enrique", "kike": "enrique", "chema": "jose", "toño": "antonio", "tono": "antonio",
    "tito": "hector roberto", "chucho": "jesus", "nando": "fernando", "fer": "fernando fernanda", "rafa": "rafael", "manolo": "manuel",
    "manny": "manuel", "meme": "manuel", "pancha": "francisca", "concha": "concepcion", "mari": "maria", "chayo": "rosario", "charo": "rosario",
    "lola": "dolores", "pilo": "pilar", "tere": "teresa", "nena": "elena", "chelo": "consuelo", "goyo": "gregorio", "santi": "santiago",
    "dima": "dmitri dmitry dmitrii", "sasha": "alexander aleksandr alexandra", "vanya": "ivan", "misha": "mikhail michael", "kolya": "nikolai",
    "vova": "vladimir", "volodya": "vladimir", "zhenya": "evgeny evgenia", "katya": "ekaterina", "tanya": "tatiana", "natasha": "natalia",
    "olya": "olga", "kasia": "katarzyna", "gosia": "malgorzata", "zosia": "zofia", "tomek": "tomasz", "wojtek": "wojciech", "janek": "jan",
}  # fmt: skip
_SKELETON = (
    ("sch", "s"), ("sz", "s"), ("sh", "s"), ("ch", "s"), ("cz", "s"), ("ph", "f"), ("kh", "h"), ("ck", "k"), ("q", "k"), ("x", "ks"),
    ("ae", "a"), ("oe", "o"), ("ue", "u"), ("ou", "u"), ("ee", "i"), ("th", "t"), ("gh", "g"), ("w", "v"), ("y", "i"), ("j", "i"),
)  # fmt: skip
_DOUBLED = re.compile(r"(.)\1+")
_NAMER = NickNamer()


class Name(NamedTuple):
    """A person's name for comparison. Each part is normalised; an absent part is empty."""

    first: str
    middle: str
    last: str
    generation: int | None
    """1 for Sr, 2 for Jr and II, 3 for III."""
    firm: bool
    """Whether the name is a business's rather than a person's."""


def folded(text: str) -> str:
    """Without case, accents, ligatures, invisible characters and look-alike letters of other scripts."""
    if text.isascii():
        return text.lower()
    for _ in range(
        2
    ):  # a decomposed letter may have a case that it did not show (Unicode, section 3.13, D146)
        text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(
        c
        for c in text.translate(_LETTERS)
        if not unicodedata.combining(c) and unicodedata.category(c) != "Cf"
    )


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of a name without punctuation and titles (unless nothing else is left)."""
    found = tuple(folded(text).translate(_PUNCTUATION).split())
    return tuple(w for w in found if w not in _TITLES) or found


def name_of(
    first: str | None, middle: str | None, last: str | None, suffix: str | None, display: str | None
) -> Name:
    """The name of a record; from the display name where it has neither a first nor a last name."""
    firm = False
    if first is None and last is None and display is not None:
        first, last = _split(display)
        firm = _is_firm(display)
    given, family = words(first) if first else (), words(last) if last else ()
    generation, family = _generation(suffix, family)
    return Name(
        " ".join(given), " ".join(words(middle)) if middle else "", " ".join(family), generation, firm
    )


def _split(display: str) -> tuple[str | None, str | None]:
    shown = re.split(r"\(| - ", display, maxsplit=1)[0]
    last, comma, first = shown.partition(",")
    if comma and words(first) and _GENERATIONS.get(words(first)[0]) is None:
        return first, last
    found = words(shown)
    return (found[0], " ".join(found[1:])) if len(found) > 1 else (None, " ".join(found) or None)


def _is_firm(display: str) -> bool:
    found = words(display)
    return "&" in display or any(w in _FIRM for w in found)


def _generation(suffix: str | None, family: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    for word in words(suffix) if suffix else ():
        if word in _GENERATIONS:
            return _GENERATIONS[word], family
    if len(family) > 1 and family[-1] in _GENERATIONS and family[-1] != "i":
        return _GENERATIONS[family[-1]], family[:-1]
    return None, family


@lru_cache(maxsize=65536)
def skeleton(name: str) -> str:
    """One spelling for the usual romanisations and doubled letters of a name."""
    text = name.replace(" ", "")
    for old, new in _SKELETON:
        text = text.replace(old, new)
    text = _DOUBLED.sub(r"\1", text)
    return text[:-1] + "v" if text.endswith("f") else text


@lru_cache(maxsize=65536)
def initial(name: str) -> str:
    """The first letter of a name's skeleton."""
    return skeleton(name)[:1]


@lru_cache(maxsize=65536)
def stems(name: str) -> frozenset[str]:
    """The full names that a single given name may be short for, with itself."""
    more = _SPANISH_AND_SLAVIC.get(name, "").split()
    return frozenset({name, *more, *_NAMER.canonicals_of(name)})


@lru_cache(maxsize=65536)
def is_listed(name: str) -> bool:
    """Whether the nickname tables know this given name, as a full or a short form."""
    return bool(_NAMER.nicknames_of(name) or _NAMER.canonicals_of(name) or name in _SPANISH_AND_SLAVIC)


@lru_cache(maxsize=65536)
def family_words(last: str) -> tuple[str, ...]:
    """The words of a last name without particles such as "de la" (unless nothing else is left)."""
    found = last.split()
    return tuple(w for w in found if w not in _PARTICLES) or tuple(found)
