"""Codes of the second factor against RFC 6238's own examples."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.gateway.core import second_factor
from services.gateway.core.sso import challenge, derived, roles_of, safe_next
from shared.domain.visibility import Role
from shared.settings import SsoSettings

SECRET = b"12345678901234567890"
EXAMPLES = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
"""Appendix B, the last six digits of SHA-1."""
ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"


@pytest.mark.parametrize(("at", "code"), EXAMPLES.items())
def test_the_standards_examples(at: int, code: str) -> None:
    def period(seconds: int, last: int = 0) -> int | None:
        return second_factor.period_of(SECRET, code, datetime.fromtimestamp(seconds, UTC), last)

    assert period(at) == at // 30
    assert period(at + 30) == at // 30
    assert period(at + 90) is None
    assert period(at, last=at // 30) is None


def test_recovery_codes_are_compared_without_blanks_and_case() -> None:
    codes = second_factor.new_recovery_codes()
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert second_factor.recovery_hash(codes[0]) == second_factor.recovery_hash(
        codes[0].upper().replace("-", " ")
    )


def test_pkces_own_example() -> None:
    """RFC 7636, appendix B."""
    assert (
        challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
    assert derived("a", "nonce") != derived("a", "verifier")
    assert len(derived("a", "verifier")) == 43


@pytest.mark.parametrize(
    ("page", "goes"),
    [("/a?b", "/a?b"), ("//x", "/"), ("/\\x", "/"), ("https://x", "/"), ("", "/"), ("/a\nb", "/")],
)
def test_only_pages_of_ours_are_gone_to(page: str, goes: str) -> None:
    assert safe_next(page) == goes


def test_the_highest_role_of_a_company_counts() -> None:
    rules = SsoSettings(
        roles=f"A=viewer@{ONE}, B & C = admin@{ONE},A=operator@{TWO}".replace(" = ", "=")
    ).rules()
    found = roles_of({"A", "B & C"}, rules)
    assert {str(c): r for c, r in found.items()} == {ONE: Role.ADMIN, TWO: Role.OPERATOR}
    assert roles_of({"a"}, rules) == {}


@pytest.mark.parametrize("wrong", [{"roles": "A=owner@x"}, {"roles": "A"}, {"issuer": "http://idp.example"}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"company-id|https"):
        SsoSettings(**wrong)
