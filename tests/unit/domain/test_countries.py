"""Countries, as the two systems and people write them."""

from __future__ import annotations

import pytest

from shared.domain.countries import alpha_3, country_code


@pytest.mark.parametrize("written", ["US", "us", "USA", "United States", "U.S.A."])
def test_one_country_has_one_code(written: str) -> None:
    """However it is written."""
    assert country_code(written) == "US"


@pytest.mark.parametrize(("code", "longer"), [("US", "USA"), ("CA", "CAN"), ("GB", "GBR"), ("CH", "CHE")])
def test_three_letters_read_back_as_the_same_country(code: str, longer: str) -> None:
    """What we write is what we read."""
    assert alpha_3(code) == longer
    assert country_code(longer) == code


def test_a_country_that_we_do_not_know_stays_as_given() -> None:
    """Both ways."""
    assert (country_code("Freedonia"), alpha_3("Freedonia")) == ("Freedonia", "Freedonia")
