"""The display name that a creation asks for, where no two records may have one. Pure."""

from typing import NamedTuple
from uuid import UUID

from services.syncer.core.state import RecordState
from shared.domain.capabilities import unique_fields
from shared.domain.display_names import PARTS, default_name, distinguished
from shared.domain.mapping import desired
from shared.domain.values import Situation


class WantedName(NamedTuple):
    """The name that a creation of this record would get in the account, and another one near to it if that is taken.

    With `by_rule` the other one is the company's rule's, and it is used; `namesakes` is the source account, whose other
    people of this name then come first.
    """

    company_id: UUID
    record_id: UUID
    account_id: UUID
    name: str
    near: str | None
    by_rule: bool
    namesakes: UUID | None


NEAR = "{name} ({number})"
"""The name that is proposed where the company has no rule."""


def name_form(name: str) -> str:
    """A display name as it is compared."""
    return name.casefold()


def wanted_name(state: RecordState) -> WantedName | None:
    """None where nothing is created, what may have been created holds the name itself, or names may repeat.

    Nor before the destination's directory is read and matched: until then whoever has the name may be this very person.
    """
    if not state.directory_read:
        return None
    mapping, route = state.mapping(), state.settings.route if state.settings else None
    if state.source is None or mapping is None or route is None or state.situation is not Situation.UNMATCHED:
        return None
    if state.created or state.created_before or state.unknown_call is not None:
        return None
    if "display_name" not in mapping.destination.unique:
        return None
    wanted = desired(state.source.employee, mapping)
    parts = {part: getattr(wanted, part) for part in PARTS}
    name = wanted.display_name or default_name(parts)
    if not name:
        return None
    ours = wanted.display_name is None and "display_name" in unique_fields(
        mapping.destination, mapping.features
    )
    rule = route.rules.same_name if ours else ""
    near = distinguished(rule or NEAR, name, state.source.employee.model_dump(mode="json"))
    namesakes = route.source if rule and near else None
    return WantedName(state.company_id, state.record_id, route.destination, name, near, rule != "", namesakes)
