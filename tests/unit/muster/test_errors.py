"""What a person is told about an address."""

import pytest

from muster.errors import StackError, place_of


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("postgresql://muster:ixion@db.example:6000/muster", "db.example:6000"),
        ("postgres://muster:ixion@db.example/muster?sslmode=require", "db.example:5432"),
        ("postgresql://muster:i%2Fxion@[::1]:7/muster", "::1:7"),
    ],
)
def test_a_database_is_named_by_its_place(address: str, place: str) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize(
    "address",
    [
        "ixion",
        "mysql://muster:ixion@db.example/muster",
        "postgresql://muster:ixion@db.example:port/muster",
        "postgresql://muster:ixion@db.example:99999/muster",
        "postgresql://muster:ixion@[::1/muster",
        "postgresql://muster:in/ixion@db.example/muster",  # a password has its signs percent-encoded
        "postgresql://muster:77/ixion@db.example/muster",
    ],
)
def test_what_is_no_address_is_refused_without_a_word_of_it(address: str) -> None:
    with pytest.raises(StackError) as refused:
        place_of(address)
    output = str(refused.value)
    assert output.endswith("Give it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")
    assert not any(word in output for word in ("ixion", "77", "example"))
