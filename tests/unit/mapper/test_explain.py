"""What would change an answer, in words."""

from services.mapper.core import VETOES, could_change
from services.mapper.core.explain import LEVELS
from services.mapper.core.score import Score
from services.mapper.core.vetoes import Part


def score(bits: float, *vetoes: str, extra: float = 0.0) -> Score:
    return Score(bits, -8.0, (Part("number", "equal", 12.0),), vetoes, extra)


def test_nothing_would_change_a_clear_answer() -> None:
    assert could_change(score(9.0), None) == ()
    assert could_change(score(20.0), score(9.0)) == ()


def test_each_veto_says_what_would_lift_it() -> None:
    said = {veto: could_change(score(20.0, veto), None) for veto in VETOES}
    assert all(len(text) == 1 and text[0].endswith(".") for text in said.values())
    assert len(set(said.values())) == len(said) and "equal" in LEVELS


def test_missing_bits_and_a_close_second_are_counted() -> None:
    missing, close = could_change(score(2.5, extra=1.0), score(0.0))
    assert missing.startswith("4.5 points are missing") and "employee number" not in missing
    assert "birth date" in missing and close.startswith("The next candidate is only 2.5 points behind")
