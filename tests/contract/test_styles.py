"""The console's style sheets: each is loaded with its screen and stays when that is left, so a class belongs to one of them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

SCREENS = Path(__file__).parents[2] / "console" / "src" / "screens"


def owned(sheet: str) -> set[str]:
    """The classes that a sheet gives a look of their own, whatever they stand in."""
    plain = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    selectors = [one.strip() for group in re.findall(r"([^{}]+)\{", plain) for one in group.split(",")]
    return {found[1] for one in selectors if (found := re.fullmatch(r"\.([a-z][\w-]*)", one))}


def test_a_class_belongs_to_one_screen() -> None:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(SCREENS.rglob("*.css")):
        for name in owned(file.read_text()):
            owners[name].append(str(file.relative_to(SCREENS)))
    assert len(owners) > 50
    assert {name: files for name, files in owners.items() if len(files) > 1} == {}


def test_what_stands_in_another_class_or_state_is_not_owned() -> None:
    assert owned(".side, .a > b { } /* .c { } */ @media x { .d:hover { } .e { } }") == {"side", "e"}
