"""The comparison forms of values: what a person typed is kept and written, and its form says whether two are equal.

Hashes, differences, drift, the `before` of a plan and matching use the forms.
"""

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import phonenumbers

PHONES = frozenset({"phone", "mobile"})
AMOUNTS = frozenset({"bill_rate", "cost_rate"})
LOWER = frozenset({"email", "gender"})
FORMED = tuple(sorted(PHONES | LOWER))
"""The fields whose form may be another than their text at any scale."""
_NOT_DIGITS = re.compile(r"\D")
_NANP = re.compile(r"1?([2-9]\d{2}[2-9]\d{6})")


@lru_cache(maxsize=4096)
def phone_form(value: str) -> str:
    """E.164 when the number is a complete one (without a country code it is North American), else its digits or itself.

    A number without its area code is no complete one: `555-0132` is `5550132`. An extension is `;ext=12` (RFC 3966).
    """
    match = _NANP.fullmatch(_NOT_DIGITS.sub("", value))
    if match and "x" not in value.lower() and "+" not in value[1:]:
        return f"+1{match[1]}"
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return value
    extension, number.extension = number.extension, None
    match phonenumbers.is_possible_number_with_reason(number):
        case phonenumbers.ValidationResult.IS_POSSIBLE:
            normal = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        case phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY if "+" not in value:
            normal = str(number.national_number)
        case _:
            return value
    return f"{normal};ext={extension}" if extension else normal


def form(field: str, value: Any, scale: int | None = None) -> Any:
    """The value's comparison form: of a Python value or one in JSON form; an amount at `scale` decimal places."""
    if value is None:
        return None
    if field in PHONES:
        return phone_form(value)
    if field in LOWER:
        return value if value.islower() else value.lower()
    if field in AMOUNTS:
        amount = Decimal(str(value))
        return amount if scale is None else amount.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return value


def same(field: str, one: Any, other: Any, scale: int | None = None) -> bool:
    """Whether two values differ in their text at most."""
    return one == other or (
        one is not None and other is not None and form(field, one, scale) == form(field, other, scale)
    )
