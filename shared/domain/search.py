"""Text that people search: what is searched and what is asked for, alike. `muster.searchable` is the same in SQL."""

import unicodedata

_NOT_DECOMPOSED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_NO_APOSTROPHES = dict.fromkeys(
    map(ord, "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02cb\u2018\u2019\u201b\u2032\uff07")
)
"""What people and systems write for an apostrophe."""


def searchable(text: str) -> str:
    """Small letters without accents, apostrophes and doubled blanks: what is searched and what is asked for alike."""
    bare = text.translate(_NO_APOSTROPHES)  # first: some would come apart into a blank and an accent
    if not bare.isascii():
        parted = unicodedata.normalize("NFKD", bare)
        bare = "".join(c for c in parted if not unicodedata.combining(c))
        bare = bare.casefold().translate(_NOT_DECOMPOSED)
    return " ".join(bare.lower().split())


def pattern(text: str | None) -> str | None:
    """What is asked for, as a LIKE pattern that finds it anywhere in a searchable text; None for nothing."""
    asked = searchable(text or "")
    return "%" + asked.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%" if asked else None
