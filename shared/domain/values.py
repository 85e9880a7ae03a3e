"""The closed sets of values, and the canonical form of text, numbers and dates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
)
from pydantic_core import CoreSchema, core_schema

from shared.domain.countries import country_code


class Lane(StrEnum):
    """Bulk work travels apart, so that a webhook's change never waits behind an import."""

    REAL_TIME = "real_time"
    BULK = "bulk"


class Cause(StrEnum):
    """What made us look at a record. Automatic sync acts on hooks and sweeps only (S40)."""

    HOOK = "hook"
    SWEEP = "sweep"
    IMPORT = "import"
    READ = "read"
    PUSH = "push"
    PERSON = "person"


class Status(StrEnum):
    """A record's sync status, as people see it (docs/architecture.md, section 3). syncer alone computes it."""

    NEEDS_SYNC = "needs_sync"
    NEEDS_ACTION = "needs_action"
    SYNCING = "syncing"
    SYNCED = "synced"
    FAILED = "failed"
    HELD = "held"
    EXCLUDED = "excluded"


class Action(StrEnum):
    """What a push writes at the destination; `adopt` writes to the source, `no_change` found it written already."""

    CREATE = "create"
    UPDATE = "update"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    ADOPT = "adopt"
    NO_CHANGE = "no_change"


class Holder(BaseModel):
    """Who has a value at the destination that only one may have there; `kind` is `employee`, `vendor` or `customer`.

    `free` is a display name near to the one that was refused, and that nobody has.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    remote_id: str | None = None
    name: str = ""
    number: str | None = None
    active: bool | None = None
    free: str | None = None


class Situation(StrEnum):
    """The relation of a source record to the other side."""

    LINKED = "linked"
    UNLINKED = "unlinked"
    UNMATCHED = "unmatched"
    DISPUTED = "disputed"
    DELETED = "deleted"
    EXCLUDED = "excluded"


_SPACES = re.compile(r"\s+")
_BARE = ("", " ")
_INVISIBLE = dict.fromkeys((
    0, *range(1, 9), 11, 12, *range(14, 32), 0x7F, *range(0x80, 0x85), *range(0x86, 0xA0),
    0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F),
    *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),
))  # fmt: skip
"""What cannot be seen and changes no letter: controls, direction marks, soft hyphens, fillers, tags."""
_JOINERS = re.compile(r"(?<![\u0600-\u1aff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u1aff])")
"""Joiners, except between letters of the scripts from Arabic to Khmer, where they decide how a name is written (UTS 31).

Elsewhere they only make pictures of several emoji, which no name needs. Matching drops all of them.
"""


@dataclass(frozen=True, slots=True)
class Canonical:
    """Puts a value that comes as a Python object into canonical form. JSON is our own and has that form already."""

    form: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Python is formed, then checked; JSON is checked."""
        plain = handler(source)
        formed = core_schema.no_info_before_validator_function(self.form, plain)
        return core_schema.json_or_python_schema(json_schema=plain, python_schema=formed)


def _text(value: object) -> object:
    """Trimmed text with single spaces; empty is null."""
    if isinstance(value, str):
        if value.isprintable() and value[:1] not in _BARE and value[-1:] not in _BARE and "  " not in value:
            return value
        value = _SPACES.sub(" ", _JOINERS.sub("", value.translate(_INVISIBLE))).strip()
        return value or None
    return value


def _country(value: object) -> object:
    value = _text(value)
    return country_code(value) if isinstance(value, str) else value


def _money(value: Decimal | None) -> Decimal | None:
    return value.normalize() + 0 if value is not None else None  # + 0: there is one zero, not two


def _plain(value: Decimal | None) -> str | None:
    return f"{value:f}" if value is not None else None


LONGEST_TEXT = 500
"""Characters that any value may have: as many as the longest field of either system holds."""
_Short = Annotated[str | None, Field(max_length=LONGEST_TEXT)]
Text = Annotated[_Short, Canonical(_text)]
Country = Annotated[_Short, Canonical(_country)]
Money = Annotated[
    Decimal | None,
    Field(max_digits=15, decimal_places=6),
    AfterValidator(_money),
    PlainSerializer(_plain, return_type=str | None, when_used="json"),
]


class Note(BaseModel):
    """What happened to one field's value on its way; `reason` is a code of `domain.reasons.NOTES`."""

    model_config = ConfigDict(frozen=True)

    field: str
    reason: str
