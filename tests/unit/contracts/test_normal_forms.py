"""One spelling for what people and systems write in many."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.countries import country_code
from shared.contracts.records import FIELDS, Employee, normal_phone

PHONES = {
    "ten digits": ("4155552671", "+14155552671"),
    "punctuation": ("(415) 555-2671", "+14155552671"),
    "dots": ("415.555.2671", "+14155552671"),
    "the country's 1 in front": ("1 415 555 2671", "+14155552671"),
    "E.164 already": ("+14155552671", "+14155552671"),
    "letters": ("1-800-FLOWERS", "+18003569377"),
    "another country": ("+44 20 7946 0958", "+442079460958"),
    "dialled from North America": ("011 44 20 7946 0958", "+442079460958"),
    "an extension": ("415-555-2671 ext. 12", "+14155552671;ext=12"),
    "an extension, short": ("(415) 555-2671 x12", "+14155552671;ext=12"),
    "an extension, as we write it": ("+14155552671;ext=12", "+14155552671;ext=12"),
    "a service number stays": ("911", "911"),
    "words stay": ("call the office", "call the office"),
    "two numbers stay": ("415-555-2671 / 415-555-2672", "415-555-2671 / 415-555-2672"),
    "a plus in the middle stays": ("+1415+5552671", "+1415+5552671"),
    "too long stays": ("4155552671415555267141555526", "4155552671415555267141555526"),
}


@pytest.mark.parametrize(("given_", "normal"), PHONES.values(), ids=PHONES)
def test_a_possible_number_becomes_e_164_and_everything_else_stays(given_: str, normal: str) -> None:
    """North America is where a number without a country code is from."""
    assert normal == normal_phone(given_)
    assert normal == Employee(phone=given_).phone == Employee(mobile=given_).mobile


COUNTRIES = {
    "a code": ("US", "US"),
    "a code, small": ("us", "US"),
    "three letters": ("USA", "US"),
    "a name": ("Canada", "CA"),
    "a name in capitals": ("CANADA", "CA"),
    "a long name": ("united states of america", "US"),
    "with points": ("U.S.A.", "US"),
    "an everyday name": ("South Korea", "KR"),
    "an everyday code": ("UK", "GB"),
    "a former spelling": ("Vietnam", "VN"),
    "letters beyond ASCII": ("Côte d'Ivoire", "CI"),
    "nobody knows it": ("Atlantis", "Atlantis"),
}


@pytest.mark.parametrize(("given_", "code"), COUNTRIES.values(), ids=COUNTRIES)
def test_a_country_becomes_its_code_and_what_nobody_knows_stays(given_: str, code: str) -> None:
    """ISO 3166-1 alpha-2."""
    assert code == country_code(given_)
    assert code == Employee(address_country=f" {given_} ").address_country


TEXTS: dict[str, tuple[Any, str | None]] = {
    "trimmed": ("  Ana ", "Ana"),
    "single spaces": ("Ana   Li", "Ana Li"),
    "tabs and line breaks": ("Ana\t\r\nLi", "Ana Li"),
    "a no-break space": ("Ana\u00a0Li", "Ana Li"),
    "nothing to see": ("\ufeffAna\u200b", "Ana"),
    "a null character": ("A\x00na", "Ana"),
    "empty is null": ("", None),
    "blank is null": (" \t\u200b ", None),
    "null stays": (None, None),
    "case stays": ("McKay", "McKay"),
    "accents stay": ("Zoë", "Zoë"),
}


@pytest.mark.parametrize(("given_", "clean"), TEXTS.values(), ids=TEXTS)
def test_text_is_trimmed_has_single_spaces_and_is_null_when_empty(given_: Any, clean: str | None) -> None:
    """What cannot be seen is no part of a value."""
    assert clean == Employee(first_name=given_).first_name


MAILS: dict[str, tuple[str, str | None]] = {
    "small letters": ("Ana.Li@Example.COM", "ana.li@example.com"),
    "trimmed": (" ana@example.com\n", "ana@example.com"),
    "empty is null": ("  ", None),
    "a plus address is another one": ("ana+pay@example.com", "ana+pay@example.com"),
    "no address stays": ("Ask Ana", "ask ana"),
}


@pytest.mark.parametrize(("given_", "normal"), MAILS.values(), ids=MAILS)
def test_an_e_mail_address_has_small_letters(given_: str, normal: str | None) -> None:
    """Nothing else of it is touched."""
    assert normal == Employee(email=given_).email


MONEY = {
    "cents": ("92.50", "92.5"),
    "a whole number": ("61", "61"),
    "a hundred has no exponent": ("100", "100"),
    "a float": (92.5, "92.5"),
    "nothing": ("0.00", "0"),
    "nothing, below nothing": ("-0.0", "0"),
}


@pytest.mark.parametrize(("given_", "shown"), MONEY.values(), ids=MONEY)
def test_equal_amounts_have_one_spelling(given_: Any, shown: str) -> None:
    """Never an exponent, never a trailing nought."""
    assert f'{{"bill_rate":"{shown}"}}' == Employee(bill_rate=given_).text()


@pytest.mark.parametrize("given_", ["much", "1e20", "0.1234567", "NaN", "Infinity"])
def test_no_amount_is_refused(given_: str) -> None:
    """The connector then says that the record cannot be read."""
    with pytest.raises(ValidationError):
        Employee(cost_rate=given_)


digits = st.text("0123456789 ()-.+x", max_size=24)


@given(st.text(max_size=30) | digits)
def test_normalising_twice_is_normalising_once(value: str) -> None:
    """For every kind of text there is."""
    names = ("first_name", "email", "phone", "mobile", "address_country", "gender", "state")
    once = Employee(**dict.fromkeys(names, value))

    assert once.text() == Employee(**{name: getattr(once, name) for name in names}).text()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**8), max_value=10**8))
def test_an_amount_keeps_its_value(value: Decimal) -> None:
    """There and back through JSON too."""
    person = Employee(bill_rate=value)

    assert value == person.bill_rate
    assert person.text() == Employee.model_validate_json(person.text()).text()


def test_nobody_has_a_place_for_a_social_security_number() -> None:
    """One that is given is dropped: it is neither kept nor told."""
    assert not [name for name in FIELDS if "ssn" in name or "social" in name]
    for name in ("ssn", "SSN", "social_security_number", "ssn_last4"):
        person = Employee(**{"first_name": "Ana", name: "123-45-6789"})
        assert '{"first_name":"Ana"}' == person.text()
        assert {"first_name"} == person.model_fields_set
        assert not hasattr(person, name)
        assert person == Employee.model_validate_json(f'{{"first_name":"Ana","{name}":"123-45-6789"}}')
