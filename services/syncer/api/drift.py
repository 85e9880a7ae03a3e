"""What was changed at the destination of one record, for a person to decide."""

from __future__ import annotations

from uuid import UUID

from services.syncer import core
from services.syncer.core import RecordState
from services.syncer.store import record_states
from shared.contracts.drift import DriftedValue, DriftView
from shared.db.companies import load_settings
from shared.db.tx import Database
from shared.domain.reasons import NOT_ADOPTABLE
from shared.http.problems import ProblemError
from shared.systems.words import names


async def drift_view(database: Database, company: UUID, record: UUID) -> DriftView:
    """The record's drifted fields, with the values of both sides. Raises `not-found`."""
    async with database.reading(company) as tx:
        settings = await load_settings(tx, [company])
        state = (await record_states.load_states(tx, [record], settings)).get(record)
    if state is None or state.source is None or state.destination is None:
        raise ProblemError("not-found", "There is no such linked record here.")
    reading = state.destination.reading
    return DriftView(
        source_rev=state.source.rev,
        destination_rev=state.destination.rev,
        changed_at=reading.updated_at if reading else None,
        seen_at=reading.answered_at if reading else None,
        fields=_fields(state),
    )


def _fields(state: RecordState) -> dict[str, DriftedValue]:
    called = names(state.settings)
    words = {"source": called.source, "destination": called.destination}
    return {
        name: DriftedValue(
            wanted=one.wanted,
            there=one.there,
            may_adopt=one.why_not is None,
            why_not=NOT_ADOPTABLE[one.why_not].format_map(words) if one.why_not else "",
        )
        for name, one in core.drift_of(state).items()
    }
