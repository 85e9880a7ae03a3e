"""What other settings would do to records: each is looked at under both, and the two are compared. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from services.syncer.core.differences import in_json
from services.syncer.core.state import NO_FIELDS, Fields, Plan, RecordState, Snapshot
from services.syncer.core.sync_status import plan, sync_status
from shared.contracts.rule_views import Effect
from shared.domain.employee import FIELDS
from shared.domain.mapping import desired
from shared.domain.settings import CompanySettings
from shared.domain.values import Action, Situation, Status

_NOTHING = Plan(Action.NO_CHANGE, NO_FIELDS)


class Tried(NamedTuple):
    """What the settings would do to one record."""

    record_id: UUID
    number: str | None
    name: str
    effect: Effect
    reason: str = ""
    field: str | None = None
    fields: Fields = NO_FIELDS


def tried(state: RecordState, settings: CompanySettings) -> Tried:
    """The effect of `settings` on a record that now is under its own. How the last attempt ended plays no part."""
    now = state._replace(failure=None)
    then = now._replace(settings=settings)
    before, after = sync_status(now, None), sync_status(then, None)
    employee = state.source.employee if state.source else None
    base = Tried(
        state.record_id,
        employee.number if employee else None,
        employee.full_name() if employee else "",
        Effect.UNCHANGED,
    )
    waited = before.status is Status.NEEDS_ACTION
    if after.status is Status.EXCLUDED:
        if before.status is Status.EXCLUDED:
            return base
        return base._replace(effect=Effect.EXCLUDED, reason=after.reason)
    if after.status is Status.NEEDS_ACTION:
        if waited:
            return base
        return base._replace(effect=Effect.BLOCKED, reason=after.reason, field=after.field)
    planned = _NOTHING if waited else plan(now) or _NOTHING
    other = plan(then) or _NOTHING
    if other.action == "create" and planned.action != "create":
        return base._replace(effect=Effect.CREATED, fields=other.fields)
    moved = {name: change for name, change in other.fields.items() if not _same(state, planned, name, change)}
    if any(change["after"] is None and change["before"] is not None for change in moved.values()):
        return base._replace(effect=Effect.CLEARED, fields=moved)
    if moved:
        return base._replace(effect=Effect.UPDATED, fields=moved)
    if waited:
        return base._replace(effect=Effect.RELEASED)
    return base._replace(effect=Effect.SETTLED) if planned.fields.keys() - other.fields.keys() else base


def _same(state: RecordState, planned: Plan, name: str, change: Mapping[str, Any]) -> bool:
    """Whether the same value is already to be written to this field."""
    known, mapping = planned.fields.get(name), state.mapping()
    return known is not None and mapping is not None and mapping.same(name, known["after"], change["after"])


def turned(state: RecordState, settings: CompanySettings) -> Tried | None:
    """The effect of making the destination the source of truth on a linked pair; None for a record without one."""
    if state.destination is None or state.situation is not Situation.LINKED:
        return None
    pair = state._replace(
        record_id=state.destination.record_id,
        source=state.destination,
        destination=state.source,
        destination_record_id=state.record_id,
        created=False,
        created_before=False,
        sent=None,
        answered=None,
        failure=None,
        push=None,
        synced_at=None,
        link_source_rev=state.destination.rev,
        settings=settings,
    )
    status, made = sync_status(pair, None), plan(pair) or _NOTHING
    employee = pair.source.employee if pair.source else None
    base = Tried(
        pair.record_id,
        employee.number if employee else None,
        employee.full_name() if employee else "",
        Effect.UPDATED if made.fields else Effect.UNCHANGED,
        fields=made.fields,
    )
    if status.status is Status.NEEDS_ACTION:
        return base._replace(
            effect=Effect.BLOCKED, reason=status.reason, field=status.field, fields=NO_FIELDS
        )
    return base


def alone(snapshot: Snapshot, settings: CompanySettings) -> Tried:
    """The effect of the same on somebody whom only the destination has: created, unless that is switched off."""
    creates = settings.route is not None and settings.route.rules.create_missing
    return Tried(
        snapshot.record_id,
        snapshot.employee.number,
        snapshot.employee.full_name(),
        Effect.CREATED if creates else Effect.BLOCKED,
        "" if creates else "creation_off",
    )


def sample_of(
    snapshot: Snapshot, settings: CompanySettings, state: RecordState
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A record's known values, and what would be sent of it under `settings`."""
    mapping = state._replace(settings=settings).mapping()
    known = [name for name in FIELDS if snapshot.employee.known(name)]
    if mapping is None:
        return in_json(snapshot.employee, known), {}
    wanted = desired(snapshot.employee, mapping)
    sent = [entry.destination for entry in mapping.carried(wanted) if wanted.known(entry.destination)]
    return in_json(snapshot.employee, known), in_json(wanted, sent)
