"""What a role that does not see everything may see of a system's raw record."""

from __future__ import annotations

from sandbox.linarc.contract import document
from sandbox.quickbooks.fields import ORDER, READ_ONLY
from shared.domain.employee import FIELDS
from shared.domain.visibility import PRIVATE, Role, hidden_fields, only, without
from shared.systems import SYSTEMS


def test_of_a_raw_record_everything_is_shown_but_birth_date_pay_address_and_what_is_unknown() -> None:
    linarc = document()["components"]["schemas"]["Employee"]["properties"]
    quickbooks = dict.fromkeys([*ORDER, *READ_ONLY])
    hidden = {
        "linarc": ["address", "birth_date", "cost_rate", "hourly_rate", "pay_type", "unknown"],
        "quickbooks": [
            "BillRate",
            "BirthDate",
            "CostRate",
            "PrimaryAddr",
            "SSN",
            "V4IDPseudonym",
            "unknown",
        ],
    }
    assert SYSTEMS.keys() == hidden.keys()
    for system, wire in (("linarc", linarc), ("quickbooks", quickbooks)):
        assert only({**wire, "unknown": 1}, SYSTEMS[system].payload_shown)[1] == hidden[system]


def test_private_fields_are_birth_date_pay_and_every_part_of_the_address() -> None:
    named = {
        name for name in FIELDS if name.startswith(("birth", "pay", "address")) or name.endswith("_rate")
    }
    assert named == PRIVATE


def test_viewers_never_see_them_operators_by_the_setting_and_administrators_always() -> None:
    table = {role: [hidden_fields(role, from_operators=strict) for strict in (False, True)] for role in Role}
    nothing = frozenset[str]()
    assert table == {
        Role.VIEWER: [PRIVATE, PRIVATE], Role.OPERATOR: [nothing, PRIVATE], Role.ADMIN: [nothing, nothing],
    }  # fmt: skip


def test_members_are_taken_away_at_any_depth_and_nothing_else() -> None:
    value = {"a": [{"bill_rate": 1, "b": {"birth_date": "x", "number": None}}], "c": "birth_date"}
    assert without(value, PRIVATE) == {"a": [{"b": {"number": None}}], "c": "birth_date"}
    assert without(value, frozenset()) is value
