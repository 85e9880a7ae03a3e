"""How a display name follows the parts that it was made of, and how two people of one name are told apart."""

import re
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from shared.domain.employee import TEXTS

PARTS = ("honorific", "first_name", "middle_name", "last_name", "suffix")
"""The parts of a name in the order in which QuickBooks makes a display name of them."""


def default_name(parts: Mapping[str, Any]) -> str:
    """How QuickBooks makes a display name when none is given."""
    return " ".join(str(parts[part]) for part in PARTS if parts.get(part))


_PLACE = re.compile(r"\{([a-z_0-9]+)\}")


def distinguished(rule: str, name: str, values: Mapping[str, Any]) -> str | None:
    """`name` by a rule such as `{name} ({number})`; None where one of the rule's values is missing."""
    values = {**values, "name": name}
    if not all(values.get(place) for place in _PLACE.findall(rule)):
        return None
    return _PLACE.sub(lambda place: str(values[place[1]]), rule)


def rule_problem(rule: str) -> str | None:
    """Why a rule cannot tell two people of one name apart, as a sentence; None when it can. An empty one is none."""
    places = _PLACE.findall(rule)
    if not rule:
        return None
    if "name" not in places or set(places) == {"name"}:
        return "it holds {name} and at least one field that differs, such as {number}."
    if unknown := [place for place in places if place != "name" and place not in TEXTS]:
        return f"there is no text field {unknown[0]}."
    if re.search(r"[{}:\t\n]", _PLACE.sub("", rule)):
        return "a colon, a tab, a line break or another brace cannot stand in it."
    return None


def followed(shown: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """`shown`, made again by the first rule that made it of the parts before; itself where none did."""
    for rule in _RULES:
        if shown and shown == rule(before):
            return rule(after) or shown
    return shown


def _without(*left_out: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda parts: default_name({k: v for k, v in parts.items() if k not in left_out})


def _family_first(parts: Mapping[str, Any]) -> str:
    family = str(parts.get("last_name") or "")
    return f"{family}, {_without('last_name', 'honorific', 'suffix')(parts)}" if family else ""


_RULES: tuple[Callable[[Mapping[str, Any]], str], ...] = (
    default_name,
    *(
        _without(*left_out)
        for count in (1, 2, 3)
        for left_out in combinations(("honorific", "middle_name", "suffix"), count)
    ),
    _family_first,
)
"""QuickBooks' own rule, the same without a title, a middle name or a suffix, and the family name first."""
