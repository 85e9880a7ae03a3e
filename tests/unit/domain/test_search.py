"""What people type, and what they find with it."""

import pytest

from shared.domain.search import like_pattern, searchable


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


def test_what_is_typed_stands_for_itself() -> None:
    assert like_pattern(r"50%_\x") == r"%50\%\_\\x%"
    assert like_pattern(" ") is like_pattern(None) is None
