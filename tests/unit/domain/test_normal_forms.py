"""One spelling for what people and systems write in many."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.countries import country_code
from shared.domain.employee import FIELDS, Employee, content_hash, delta
from shared.domain.forms import form, phone_form, same

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
    "no area code": ("555-0132", "5550132"),
    "no area code, with an extension": ("555 0132 x4", "5550132;ext=4"),
    "an extension of four": ("(415) 555-0132 x4567", "+14155550132;ext=4567"),
    "two numbers stay": ("415-555-2671 / 415-555-2672", "415-555-2671 / 415-555-2672"),
    "a plus in the middle stays": ("+1415+5552671", "+1415+5552671"),
    "too long stays": ("4155552671415555267141555526", "4155552671415555267141555526"),
}


@pytest.mark.parametrize(("given_", "normal"), PHONES.values(), ids=PHONES)
def test_a_complete_number_has_the_form_of_e_164_and_the_text_stays(given_: str, normal: str) -> None:
    """North America is where a number without a country code is from."""
    assert normal == phone_form(given_) == phone_form(normal)
    assert given_ == Employee(phone=given_).phone == Employee(mobile=given_).mobile


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
    "direction marks": ("\u202aAna\u202c \u2066Li\u2069\u200e\u200f\u061c", "Ana Li"),
    "a soft hyphen": ("An\u00ada", "Ana"),
    "a word joiner and a filler": ("A\u2060n\u3164a", "Ana"),
    "a joiner between Latin letters": ("A\u200cn\u200da", "Ana"),
    "a joiner at an end": ("\u0634\u0631\u06cc\u200c", "\u0634\u0631\u06cc"),
    "a joiner in a Persian name stays": (
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    ),
    "a joiner in a Sinhala name stays": ("\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0dc1\u0dca\u200d\u0dbb\u0dd3"),
    "emoji come apart": ("\U0001f469\u200d\U0001f4bb", "\U0001f469\U0001f4bb"),
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
    "capitals that have no small letter alone": ("STRA\u1e9eE@x.org", "stra\u00dfe@x.org"),
    "trimmed": (" ana@example.com\n", "ana@example.com"),
    "direction marks around it": ("\u202aana@example.com\u202c", "ana@example.com"),
    "empty is null": ("  ", None),
    "a plus address is another one": ("ana+pay@example.com", "ana+pay@example.com"),
    "no address stays": ("Ask Ana", "ask ana"),
}


@pytest.mark.parametrize(("given_", "normal"), MAILS.values(), ids=MAILS)
def test_an_e_mail_address_has_the_form_of_small_letters(given_: str, normal: str | None) -> None:
    """Its text keeps its letters."""
    kept = Employee(email=given_).email
    assert normal == form("email", kept)
    assert kept is None or kept in given_


SAME: dict[str, tuple[str, Any, Any, int | None, bool]] = {
    "telephone numbers": ("phone", "(415) 555-2671", "+14155552671", None, True),
    "another extension": ("phone", "(415) 555-2671 x1", "(415) 555-2671", None, False),
    "no area code is another number": ("mobile", "555-0132", "(415) 555-0132", None, False),
    "no area code is not one of that country": ("mobile", "555-0132", "+15550132", None, False),
    "e-mail addresses": ("email", "Ana@X.org", "ana@x.org", None, True),
    "genders": ("gender", "Female", "female", None, True),
    "names keep their case": ("last_name", "McKay", "Mckay", None, False),
    "amounts at a scale": ("cost_rate", "28.846154", Decimal("28.85"), 2, True),
    "amounts in any spelling": ("bill_rate", "92.50", "92.5", None, True),
    "amounts without a scale": ("cost_rate", "28.846154", "28.85", None, False),
    "nothing and something": ("email", None, "ana@x.org", None, False),
    "nothing twice": ("email", None, None, None, True),
}


@pytest.mark.parametrize(("field", "one", "other", "scale", "equal"), SAME.values(), ids=SAME)
def test_what_differs_in_its_text_alone_is_the_same(
    field: str, one: Any, other: Any, scale: int | None, *, equal: bool
) -> None:
    """In both directions."""
    assert equal == same(field, one, other, scale) == same(field, other, one, scale)


def test_a_difference_of_text_alone_moves_no_hash_and_makes_no_delta() -> None:
    """What was typed stays in each of them."""
    typed = Employee(phone="(415) 555-0132 x4567", email="Ana@X.org", gender="Female", first_name="Ana")
    plain = Employee(phone="+14155550132;ext=4567", email="ana@x.org", gender="female", first_name="Ana")

    assert content_hash(typed.formed().text()) == content_hash(plain.formed().text())
    assert {} == delta(typed, plain) == delta(plain, typed)
    assert typed.text() != plain.text()
    assert {"email"} == set(delta(typed, Employee(email="bo@x.org")))


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
    """Never an exponent, never a trailing zero."""
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
