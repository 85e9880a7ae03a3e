"""What the routes of history share: places in lists, and rows in words."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query, Response

from services.history.core.show import Cursor
from shared.db.companies import load_settings
from shared.db.tx import Record, Tx
from shared.http.problems import ProblemError
from shared.systems.words import Names, names, reason_words

MAX_LIMIT = 500
MAX_QUERY = 200
MAX_N = 2**63 - 1
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


def cursor_of(after: str | None, sort: str) -> Cursor | None:
    """The place that `after` names in a list sorted by `sort`. Raises a problem when it names none."""
    if after is None:
        return None
    try:
        return Cursor.decode(after, sort)
    except ValueError:
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.") from None


def number_of(after: str | None) -> int | None:
    """The number that `after` is. Raises a problem when it is none."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and int(after[:20]) <= MAX_N):
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.")
    return int(after[:20])


async def called_in(tx: Tx, company: UUID) -> Names:
    """What the company calls its systems and fields."""
    return names((await load_settings(tx, [company])).get(company))


def worded(row: Record | dict[str, Any], called: Names) -> dict[str, Any]:
    """A row with its reason in words."""
    text, fix = reason_words(row["reason"], row["field"], called) if row["reason"] else ("", "")
    return dict(row.items()) | {"reason_text": text, "fix": fix}


def as_json(value: Any) -> Response:
    """`value`, which may hold fragments of JSON, as an answer."""
    return Response(orjson.dumps(value), media_type="application/json")
