"""python -m tests.contract.write_golden: one more sample of each message whose newest one does not hold all its fields.

A sample is what stood on the broker: headers and body. Those that are there are never changed or removed: they stand for
messages that are still on a topic, in an outbox or in a history, and must be understood as long as their topic exists.
"""

from __future__ import annotations

import json
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID, uuid5

import orjson
from pydantic import BaseModel

from shared.clock import Clock
from shared.contracts import commands
from shared.contracts.events import Body, bodies
from shared.domain.values import Lane
from shared.messaging.outbox import Outbox, Outgoing

FOLDER = Path(__file__).parent / "golden"
AT = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
NAMES = UUID(int=0x601D)
WORDS = {
    "email": "zoe.ibarra@example.org",
    "phone": "+15035550111",
    "mobile": "+15035550122",
    "address_country": "US",
    "base_url": "https://directory.example.org",
    "masked": "birth_date",
}


class FixedClock:
    """Time and ids that are the same in every run."""

    def now(self) -> datetime:
        return AT

    def new_id(self) -> UUID:
        return uuid5(NAMES, "message")


def value(kind: Any, name: str) -> Any:
    """A value of this type, the same each time; every optional one is there."""
    if kind is Any:
        return f"a {name}"
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return value(next(a for a in arguments if a is not type(None)), name)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (value(arguments[0], name),)
    if origin is dict:
        return {"first_name": value(arguments[1], name)}
    if origin is not None:  # Annotated
        return value(arguments[0], name)
    if issubclass(kind, BaseModel):
        return kind(**{f: value(info.annotation, f) for f, info in kind.model_fields.items()})
    if issubclass(kind, Enum):
        return next(iter(kind))
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{f.name: value(f.type, f.name) for f in fields(kind)})
    return _plain(kind, name)


def _plain(kind: Any, name: str) -> Any:
    made = {
        UUID: uuid5(NAMES, name), datetime: AT, date: AT.date(), Decimal: Decimal("41.50"), bool: True, int: 7, float: 1.75,
        str: WORDS.get(name, f"a {name.replace('_', ' ')}"),
    }  # fmt: skip
    return made[kind]


def sample(cls: type[Body]) -> dict[str, Any]:
    """The message as the outbox writes it."""
    fields = {f: value(info.annotation, f) for f, info in cls.model_fields.items()}
    clock: Clock = FixedClock()
    published = Outgoing(
        cls(**fields),
        uuid5(NAMES, "company"),
        lane=Lane.REAL_TIME,
        run_id=uuid5(NAMES, "run"),
        actor="user:zoe",
    )
    row = Outbox(clock)._row(cls.topic.owner, published, AT.isoformat(), Counter())
    topic, headers, body = row[3], row[6], row[7]
    assert isinstance(headers, bytes) and isinstance(body, bytes)
    return {"topic": topic, "headers": orjson.loads(headers), "body": orjson.loads(body)}


def paths(found: Any, at: str = "") -> set[str]:
    """Every field's path in a body; the items of a list share theirs."""
    if isinstance(found, dict):
        return {p for key, inner in found.items() for p in {f"{at}.{key}", *paths(inner, f"{at}.{key}")}}
    if isinstance(found, list):
        return {p for inner in found for p in paths(inner, at)}
    return set()


def stored(kind: str) -> list[Path]:
    """The samples of one type, oldest first."""
    return sorted(FOLDER.glob(f"{kind}.[0-9]*.json"), key=lambda p: int(p.name.split(".")[-2]))


def missing() -> Iterator[tuple[str, dict[str, Any]]]:
    """The types whose newest sample lacks a field, or that have none; and what is to be stored."""
    assert commands.MAX_IDS  # importing them makes the commands known
    for kind, cls in sorted(bodies().items()):
        new, known = sample(cls), stored(kind)
        old = json.loads(known[-1].read_text())["body"] if known else {}
        if not known or paths(new["body"]) - paths(old):
            yield kind, new


def main() -> None:
    """Write what is missing."""
    FOLDER.mkdir(exist_ok=True)
    for kind, new in missing():
        file = FOLDER / f"{kind}.{len(stored(kind)) + 1}.json"
        file.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
