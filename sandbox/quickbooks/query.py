"""QuickBooks' query language: parsing, and the SQL that answers it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from sandbox.quickbooks import faults
from sandbox.quickbooks.employee import COMPANY_ZONE
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.fields import CHECKS, READ_ONLY

MAX_PAGE = 1000
LONGEST = 20_000
MOST_DIGITS = 15
DEFAULT_PAGE = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<op><=|>=|=|<|>)|(?P<mark>[(),*])|(?P<word>[A-Za-z_][\w.]*)|(?P<number>\d+))",
    re.DOTALL,
)
_TEXTS = (
    "GivenName",
    "MiddleName",
    "FamilyName",
    "Suffix",
    "DisplayName",
    "PrintOnCheckName",
    "EmployeeNumber",
)
_FIELDS = {
    name.lower(): name
    for name in (*_TEXTS, "Id", "Active", "MetaData.CreateTime", "MetaData.LastUpdatedTime")
}
_SHOWN = {name.lower(): name for name in (*CHECKS, *READ_ONLY)}
_COLUMNS = {
    "Id": "num",
    "Active": "active",
    "DisplayName": "name_key",
    "MetaData.CreateTime": "created_at",
    "MetaData.LastUpdatedTime": "updated_at",
    **{name: f"fold(json_extract(data, '$.{name}'))" for name in _TEXTS if name != "DisplayName"},
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`name operator values`; only IN has more than one value."""

    name: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed statement; `start` counts from 1."""

    entity: str
    count: bool = False
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    start: int = 1
    limit: int = DEFAULT_PAGE
    columns: tuple[str, ...] = ()
    """The attributes that are asked for; none means all."""

    def shown(self, row: bytes) -> orjson.Fragment | dict[str, Any]:
        """A row as it is answered."""
        if not self.columns:
            return orjson.Fragment(row)
        whole = orjson.loads(row)
        names = ("domain", "Id", "SyncToken", *self.columns)
        return {**{name: whole[name] for name in names if name in whole}, "sparse": True}

    def where(self) -> tuple[str, list[object]]:
        """SQL of fixed parts for a WHERE, and its values; inactive rows hide unless Active is named."""
        parts, values = [], []
        for condition in self.conditions:
            part, given = _sql(condition)
            parts.append(part)
            values += given
        if not any(condition.name == "Active" for condition in self.conditions):
            parts.append(" AND active = 1")
        return "".join(parts), values

    def order_by(self) -> str:
        terms = [f"{_COLUMNS[name]} {'DESC' if down else 'ASC'}" for name, down in self.order]
        if not any(name == "Id" for name, _ in self.order):
            terms.append("num")
        return ", ".join(terms)


def parse(text: str, *, clamp: bool = False, by_id: bool = False) -> Query:
    """Parse a statement; refuses with 4000 what is not the language and 4001 what may not be asked.

    A page of more than 1,000 may not be asked for, or is clamped to that; Id sorts only if `by_id`.
    """
    if len(text) > LONGEST:
        raise _syntax(f"the statement has {len(text)} characters, more than {LONGEST}")
    asked = _Parser(list(_tokens(text)), text).query()
    if not by_id and any(name == "Id" for name, _ in asked.order):
        raise _invalid("property 'Id' is not sortable")
    if asked.limit <= MAX_PAGE:
        return asked
    if not clamp:
        raise _invalid(f"value {asked.limit} is too large. Max value of maxresults is {MAX_PAGE}")
    return replace(asked, limit=MAX_PAGE)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _syntax(f'Encountered " {text[at : at + 10]!r} " at column {at + 1}')
        kind = str(match.lastgroup)
        value = match.group(kind)
        yield kind, _unquoted(value, at) if kind == "text" else value
        at = match.end()


def _unquoted(literal: str, at: int) -> str:
    inner = literal[1:-1]
    if re.search(r"\\[^'\\]", re.sub(r"\\\\", "", inner)):
        raise _syntax(f"unknown escape in the text at column {at + 1}")
    return re.sub(r"\\(['\\])", r"\1", inner)


def _syntax(detail: str) -> Refused:
    return Refused(faults.QUERY_SYNTAX, f"QueryParserError: {detail}", None)


def _invalid(detail: str) -> Refused:
    return Refused(faults.QUERY_INVALID, f"QueryValidationError: {detail}", None)


class _Parser:
    """Recursive descent over (kind, value) tokens."""

    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self._tokens, self._text, self._at = tokens, text, 0

    def query(self) -> Query:
        self._expect("select")
        count, columns = self._selection()
        self._expect("from")
        entity = self._take("word")
        conditions = self._conditions() if self._accept("where") else ()
        order = self._order()
        start = self._number("startposition", 1)
        limit = self._number("maxresults", DEFAULT_PAGE)
        if self._at < len(self._tokens):
            raise self._unexpected()
        return Query(entity, count, conditions, order, start, limit, columns)

    def _selection(self) -> tuple[bool, tuple[str, ...]]:
        if self._accept("*"):
            return False, ()
        if self._accept("count"):
            for word in ("(", "*", ")"):
                self._expect(word)
            return True, ()
        columns = [self._column()]
        while self._accept(","):
            columns.append(self._column())
        return False, tuple(columns)

    def _column(self) -> str:
        name = self._take("word")
        outer = _SHOWN.get(name.partition(".")[0].lower())
        if outer is None:
            raise _invalid(f"property '{name}' is not known")
        return outer

    def _conditions(self) -> tuple[Condition, ...]:
        found = [self._condition()]
        while self._accept("and"):
            found.append(self._condition())
        return tuple(found)

    def _condition(self) -> Condition:
        name = self._property()
        if self._accept("in"):
            return Condition(name, "IN", self._list())
        if self._accept("like"):
            return Condition(name, "LIKE", (self._value(),))
        return Condition(name, self._take("op"), (self._value(),))

    def _list(self) -> tuple[str, ...]:
        self._expect("(")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> str:
        kind, value = self._peek()
        if kind in ("text", "number") or value.lower() in ("true", "false"):
            self._at += 1
            return value
        raise self._unexpected()

    def _property(self) -> str:
        name = self._take("word")
        if name.lower() not in _FIELDS:
            raise _invalid(f"property '{name}' is not queryable")
        return _FIELDS[name.lower()]

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if self._accept("order"):
            self._expect("by")
        elif not self._accept("orderby"):
            return ()
        terms = [self._term()]
        while self._accept(","):
            terms.append(self._term())
        return tuple(terms)

    def _term(self) -> tuple[str, bool]:
        name = self._property()
        if name == "Active":
            raise _invalid(f"property '{name}' is not sortable")
        down = self._accept("desc")
        if not down:
            self._accept("asc")
        return name, down

    def _number(self, keyword: str, default: int) -> int:
        if not self._accept(keyword):
            return default
        digits = self._take("number")
        number = int(digits) if len(digits) < MOST_DIGITS else 10**MOST_DIGITS
        if number < 1:
            raise _invalid(f"value {number} is too small. Min value of {keyword} is 1")
        return number

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _accept(self, word: str) -> bool:
        kind, value = self._peek()
        if kind in ("word", "mark") and value.lower() == word:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._unexpected(word)

    def _take(self, kind: str) -> str:
        found, value = self._peek()
        if found != kind:
            raise self._unexpected(kind)
        self._at += 1
        return value

    def _unexpected(self, wanted: str = "") -> Refused:
        kind, value = self._peek()
        seen = "<EOF>" if kind == "end" else value
        return _syntax(f'Encountered "{seen}"{f", expected {wanted}" if wanted else ""}')


def _sql(condition: Condition) -> tuple[str, list[object]]:
    name, operator = condition.name, condition.operator
    if name in ("Id", "Active") and operator not in ("=", "IN"):
        raise _invalid(f"operator {operator} is not supported for property '{name}'")
    if name.startswith("MetaData.") and operator == "LIKE":
        raise _invalid(f"operator LIKE is not supported for property '{name}'")
    values = [_value(name, value) for value in condition.values]
    if name == "Active" and {*values} == {0, 1}:
        return " AND 1", []
    column = _COLUMNS[name]
    if operator == "IN":
        return f" AND {column} IN ({', '.join('?' * len(values))})", values
    if operator == "LIKE":
        pattern = re.sub(r"([_\\])", r"\\\1", str(values[0]))
        return f" AND {column} LIKE ? ESCAPE '\\'", [pattern]
    return f" AND {column} {operator} ?", values


def _value(name: str, text: str) -> object:
    if name == "Active":
        if text.lower() not in ("true", "false"):
            raise _invalid(f"value {text} is not a boolean")
        return int(text.lower() == "true")
    if name == "Id":
        return int(text) if text.isdecimal() and len(text) < 19 else -1
    if name.startswith("MetaData."):
        return instant(text)
    return text.casefold()


def instant(text: str) -> int:
    """Microseconds since 1970 of an ISO time; without an offset it is company time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise _invalid(f"value {text} is not a date or time") from wrong
    if found.tzinfo is None:
        found = found.replace(tzinfo=COMPANY_ZONE)
    return round(found.timestamp() * 1_000_000)
