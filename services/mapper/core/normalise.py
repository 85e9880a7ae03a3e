"""Names, numbers and addresses in the form in which they are compared."""

import unicodedata
from functools import lru_cache

_PUNCTUATION = {ord(c): None for c in "'`´’‘ʼ.\"“”"} | {ord(c): " " for c in ",;:/\\-_()[]{}+*#&|\t\n\r‐‑‒–—"}
_LETTERS = str.maketrans({
    "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "ħ": "h",
})  # fmt: skip
_DROPPED = frozenset({
    "jr", "sr", "ii", "iii", "iv", "junior", "senior", "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "phd", "md", "esq", "pe",
})  # fmt: skip


def folded(text: str) -> str:
    """Without case, accents and ligatures."""
    if text.isascii():
        return text.lower()
    for _ in range(
        2
    ):  # taken apart, a letter may have a case that it did not show (Unicode, section 3.13, D146)
        text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in text.translate(_LETTERS) if not unicodedata.combining(c))


_LONGEST_DROPPED = 6


@lru_cache(maxsize=65536)
def words(text: str) -> str:
    """The words of a name, joined by single spaces, without punctuation, titles and suffixes (unless nothing else is left)."""
    if text.isascii() and text.isalpha() and len(text) > _LONGEST_DROPPED:
        return text.lower()
    found = folded(text).translate(_PUNCTUATION).split()
    return " ".join([w for w in found if w not in _DROPPED] or found)


def name_keys(first: str | None, last: str | None, display: str | None) -> tuple[str, str]:
    """First and last name for comparison; from the display name where a record has neither."""
    if first is None and last is None and display is not None:
        first, last = _split(display)
    return words(first) if first else "", words(last) if last else ""


def _split(display: str) -> tuple[str, str]:
    if "," in display:
        last, _, first = display.partition(",")
        if words(first):
            return first, last
    found = words(display).split()
    return (found[0], " ".join(found[1:])) if len(found) > 1 else ("", " ".join(found))


def number_key(number: str | None) -> str | None:
    """`E-0012` and `e0012` are one number, and so are `0012` and `12`."""
    if number is None:
        return None
    key = number if number.isdigit() else "".join(filter(str.isalnum, folded(number)))
    return (key.lstrip("0") or "0" if key.isdigit() else key) or None


def email_key(email: str | None) -> str | None:
    """The address in small letters; what is no address is no key."""
    return email.strip().lower() if email and "@" in email else None


_LEAST_DIGITS = 7


def phone_key(mobile: str | None, phone: str | None) -> str | None:
    """The digits of the mobile number, else of the telephone, without an extension; less than seven are none."""
    for value in (mobile, phone):
        if value is not None:
            head = value.partition(";")[0]
            digits = head[1:] if head[1:].isdigit() and head[0] == "+" else "".join(filter(str.isdigit, head))
            if len(digits) >= _LEAST_DIGITS:
                return digits
    return None
