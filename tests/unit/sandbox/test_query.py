"""The query language: what parses, what is refused, and how texts are escaped."""

import pytest

from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.query import Condition, parse


def only(text: str) -> Condition:
    (condition,) = parse(text).conditions
    return condition


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"'O\'Brien'", "O'Brien"),
        (r"'back\\slash'", "back\\slash"),
        (r"'\\\''", "\\'"),
        ("'Núñez é'", "Núñez é"),
        ("'😀 “quoted”'", "😀 “quoted”"),
        ("''", ""),
        ("'two\nlines'", "two\nlines"),
    ],
)
def test_escapes(literal: str, value: str) -> None:
    assert only(f"select * from Employee where DisplayName = {literal}").values == (value,)


def test_a_whole_statement() -> None:
    query = parse(
        "SELECT * FROM employee WHERE active in (TRUE, false) and givenname LIKE 'A%' "
        "ORDER BY FamilyName DESC, Id startposition 11 maxresults 5000",
        clamp=True,
        by_id=True,
    )
    assert [c.name for c in query.conditions] == ["Active", "GivenName"]
    assert query.order == (("FamilyName", True), ("Id", False))
    assert (query.start, query.limit, query.count) == (11, 1000, False)
    assert parse("select count(*) from Employee").count
    assert parse("select * from Employee").limit == 100
    columns = parse("select Id, DisplayName, MetaData.CreateTime from Employee where Id = 1").columns
    assert columns == ("Id", "DisplayName", "MetaData")
    assert only("select * from Employee where EmployeeNumber = '7'").values == ("7",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "select",
        "select Id DisplayName from Employee",
        "select * from Employee where",
        "select * from Employee where DisplayName = 'O''Brien'",
        r"select * from Employee where DisplayName = 'a\b'",
        "select * from Employee where DisplayName = 'open",
        "select * from Employee where DisplayName != 'a'",
        "select * from Employee where GivenName = 'a' or GivenName = 'b'",
        "select * from Employee where Active = true; drop",
    ],
)
def test_bad_syntax_is_4000(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.code == "4000"


@pytest.mark.parametrize(
    "text",
    [
        "select * from Employee where PrimaryEmailAddr = 'a@b.c'",
        "select * from Employee orderby HiredDate",
        "select * from Employee orderby Id",
        "select Id, Wage from Employee",
        "select * from Employee where Id > '5'",
        "select * from Employee where MetaData.LastUpdatedTime > '2026-11-01T08:00:00 00:00'",
        "select * from Employee startposition 0",
        "select * from Employee where Active = 'maybe'",
    ],
)
def test_what_may_not_be_asked_is_4001(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text).where()
    assert refused.value.code == "4001"


def test_inactive_rows_hide_unless_active_is_named() -> None:
    assert "active = 1" in parse("select * from Employee").where()[0]
    assert parse("select * from Employee where Active in (true,false)").where() == (" AND 1", [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("select * from Employee maxresults 1001", "4001"),
        ("select * from Employee startposition 0", "4001"),
        ("select * from Employee orderby Active", "4001"),
        (f"select * from Employee maxresults {'9' * 5000}", "4001"),
        (f"select * from Employee where GivenName = '{'x' * 20_000}'", "4000"),
    ],
)
def test_what_is_too_much(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.code == code
