"""One record's values as an employee: what can be read is, and what cannot is named in a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from shared.connectors.ports import Connector, RawRecord
from shared.domain.capabilities import System
from shared.domain.employee import Employee, Remote, Unread
from shared.domain.values import Note
from shared.errors import where
from shared.telemetry.logs import log

_NAMES = ("first_name", "last_name", "display_name")


class NoNameError(ValueError):
    """Every name of a record is unread; `field` is the first of them."""

    def __init__(self, field: str) -> None:
        super().__init__("every name is unread")
        self.field = field


class Broken(str):
    """What cannot be taken as a value: text that PostgreSQL cannot hold, with a mark in place of what was wrong."""

    __slots__ = ()


def read_employee(values: Mapping[str, Any], system: System, known: Sequence[Note] = ()) -> Employee:
    """The employee with these values by field, as `system` wrote them, and the notes that are `known` of them.

    A value that is too long or of another kind is unread: its field is masked, and a note says why. An amount has the
    places that the system holds. Raises `NoNameError` when no name is left and one was unread.
    """
    kept, notes = _at_scale(values, system)
    notes += known
    unread = {name: "unreadable" for name, value in values.items() if isinstance(value, Broken)}
    employee = None
    while employee is None:  # each round leaves out one field at least
        try:
            employee = Employee.model_validate({n: v for n, v in kept.items() if n not in unread})
        except ValidationError as error:
            unread |= _reasons(error)
    if not (unread or notes):
        return employee
    lost = [name for name in _NAMES if name in unread]
    if lost and not any(getattr(employee, name) for name in _NAMES):
        raise NoNameError(lost[0])
    notes = [note for note in notes if note.field not in unread]
    notes += [Note(field=name, reason=reason) for name, reason in sorted(unread.items())]
    return employee.model_copy(
        update={"notes": tuple(notes)} | ({"masked": tuple(sorted(unread))} if unread else {})
    )


def _at_scale(values: Mapping[str, Any], system: System) -> tuple[dict[str, Any], list[Note]]:
    """The values with their amounts rounded, and a note for each that was."""
    kept, notes = dict(values), []
    for name, scale in system.scales.items():
        amount = kept.get(name)
        rounded = _rounded(amount, scale)
        if rounded is not amount:
            kept[name] = rounded
            notes.append(Note(field=name, reason="rounded"))
    return kept, notes


def _reasons(error: ValidationError) -> dict[str, str]:
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return {
        str(one["loc"][0]): "too_long" if one["type"] == "string_too_long" else "unreadable" for one in found
    }


def _rounded(value: object, scale: int) -> object:
    """The amount with at most `scale` places; the value itself when it has no more, or is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return value
    try:
        amount = Decimal(str(value))
        rounded = amount.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    except InvalidOperation:
        return value
    return value if rounded == amount else rounded


def parsed(connector: Connector, raw: RawRecord) -> Remote | Unread:
    """A record that a connector fails on is unreadable; the others of its page go on."""
    try:
        return connector.parse(raw)
    except Exception as error:  # noqa: BLE001  (a bug, which one record met)
        log.error("read.unreadable", outcome=type(error).__name__, where=where(error))
        return Unread(raw.remote_id, "internal")
