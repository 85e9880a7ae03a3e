"""What a person decides about values that somebody changed at the destination: adopt, overwrite, or let both stand. Pure."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid5

from services.syncer.core.differences import differing, in_json
from services.syncer.core.drift import Ignored, drifted
from services.syncer.core.ordering import with_display_name
from services.syncer.core.state import NO_FIELDS, Fields, Push, PushState, RecordState, Snapshot
from shared.domain.capabilities import System, unique_fields, value_problem, writable_fields
from shared.domain.employee import Employee
from shared.domain.forms import same
from shared.domain.mapping import RouteMapping, desired
from shared.domain.settings import Account
from shared.domain.values import Action
from shared.systems import SYSTEMS

_NEEDED = frozenset({"first_name", "last_name"})


class NotAdoptable(StrEnum):
    """Why the source cannot be given the destination's value; each is a sentence of `domain.reasons.NOT_ADOPTABLE`."""

    NO_SINGLE_FIELD = "no_single_field"
    READ_ONLY = "read_only"
    DOES_NOT_FIT = "does_not_fit"


class DriftedField(NamedTuple):
    """One field that was changed at the destination, with the values of both sides in canonical JSON form."""

    wanted: Any
    there: Any
    source_field: str | None
    """The field of the source that adopting writes; None where it cannot."""
    why_not: NotAdoptable | None = None


Drift = Mapping[str, DriftedField]
"""By field of the destination."""
NO_DRIFT: Drift = MappingProxyType({})


def drift_of(state: RecordState) -> Drift:
    """What was changed at the destination of this record and waits for a decision."""
    mapping, there = state.mapping(), state.destination
    account = state.settings.source() if state.settings else None
    if state.source is None or mapping is None or there is None or account is None:
        return NO_DRIFT
    fields = differing(state, desired(state.source.employee, mapping), there.employee, mapping)
    names = drifted(state, fields, there.employee, mapping)
    return {name: _drifted_field(name, fields[name], mapping, account) for name in names}


def _drifted_field(
    name: str, change: Mapping[str, Any], mapping: RouteMapping, account: Account
) -> DriftedField:
    there, system = change["before"], SYSTEMS[account.system]
    origin = next(entry.source for entry in mapping.entries if entry.destination == name)
    why = _why_not(origin, there, system, account.features)
    return DriftedField(change["after"], there, origin if why is None else None, why)


def _why_not(
    origin: str | None, there: object, system: System, features: tuple[str, ...]
) -> NotAdoptable | None:
    if origin is None:
        return NotAdoptable.NO_SINGLE_FIELD
    if origin not in writable_fields(system, features):
        return NotAdoptable.READ_ONLY
    if value_problem(there, origin, system) or (there is None and origin in _NEEDED):
        return NotAdoptable.DOES_NOT_FIT
    return None


def adoption(state: RecordState, names: Collection[str]) -> Fields:
    """What adopting these fields of the destination writes to the source, in the source's fields; empty if one cannot be."""
    drift, account = drift_of(state), state.settings.source() if state.settings else None
    if state.source is None or account is None or not names or any(n not in drift for n in names):
        return NO_FIELDS
    values = {origin: drift[n].there for n in names if (origin := drift[n].source_field)}
    if len(values) < len(names):
        return NO_FIELDS
    here = in_json(state.source.employee, list(values))
    fields: Fields = {name: {"before": here.get(name), "after": value} for name, value in values.items()}
    if "display_name" in unique_fields(SYSTEMS[account.system], account.features):
        fields = with_display_name(fields, state.source.employee)
    return fields


def still_adopts(state: RecordState, push: Push) -> bool:
    """Whether this push would still write exactly what was decided."""
    account = state.settings.source() if state.settings else None
    if account is None or account.account_id != push.account_id:
        return False
    names = [n for n, one in drift_of(state).items() if one.source_field in push.fields]
    now, scales = adoption(state, names), SYSTEMS[account.system].scales
    return now.keys() == push.fields.keys() and all(
        same(n, now[n][k], push.fields[n][k], scales.get(n)) for n in now for k in ("before", "after")
    )


def adopting(state: RecordState, asked: Push, names: Collection[str]) -> Push | None:
    """The push that writes the destination's values of these fields to the source; None if one cannot be adopted."""
    fields = adoption(state, names)
    return asked._replace(
        state=PushState.PLANNED, action=Action.ADOPT, fields=fields, basis=state.basis()
    ) if fields else None  # fmt: skip


def then_push(state: RecordState, push: Push) -> Push | None:
    """The push to the destination that was asked for together with this adoption, which has succeeded; else None."""
    there = state.settings.destination() if state.settings else None
    if not push.then_push or state.push is not None or there is None:
        return None
    push_id = uuid5(push.push_id, "then")
    return Push(
        push_id, push.record_id, there.account_id, PushState.WAITING, actor=push.actor, lane=push.lane
    )


def adopted(state: RecordState, push: Push, here: Snapshot) -> RecordState:
    """The record once the source holds the destination's values: both agree, and the destination's is what stands there."""
    after, mapping, there = state._replace(source=here), state.mapping(), state.destination
    if mapping is None or there is None:
        return after
    wanted = desired(here.employee, mapping)
    names = [
        entry.destination
        for entry in mapping.entries
        if entry.source in push.fields
        and mapping.same(
            entry.destination,
            getattr(wanted, entry.destination),
            getattr(there.employee, entry.destination),
        )
    ]
    return acknowledged(after, names)


def acknowledged(state: RecordState, names: Collection[str]) -> RecordState:
    """The record once a person knows what the destination holds in these fields: that is no edit to be decided any more."""
    if state.destination is None or not names:
        return state
    stands = state.destination.employee.only(names)
    answered = (state.answered or Employee()).overlaid(stands)
    return state._replace(answered=answered, sent=(state.sent or Employee()).overlaid(stands))


def let_stand(state: RecordState, names: Collection[str]) -> Ignored:
    """The differences that stand once a person lets these fields be different."""
    drift = drift_of(state)
    return {**state.ignored, **{n: {"wanted": drift[n].wanted, "there": drift[n].there} for n in names}}
