"""What people search, and what they ask for."""

from __future__ import annotations

import pytest

from shared.domain.search import pattern, searchable


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("José Muñoz", "jose munoz"),
        ("ŁUKASZ", "lukasz"),
        ("Straße", "strasse"),
        *(
            (f"O{kind}KEEFE", "okeefe")
            for kind in ("", *"'`\u00b4\u2018\u2019\u201b\u2032\u02bc\u02bb\uff07")
        ),
        ("  Ana \u00a0 Maria\tLi ", "ana maria li"),
        (" ' ", ""),
        ("Ⅳ", "iv"),
        ("陈 Wei", "陈 wei"),
    ],
)
def test_search_ignores_accents_case_apostrophes_and_extra_blanks(text: str, found: str) -> None:
    assert searchable(text) == found


def test_a_pattern_finds_only_what_was_typed() -> None:
    assert pattern(r"10%_\x") == r"%10\%\_\\x%"
    assert pattern(" ' ") is None and pattern(None) is None
