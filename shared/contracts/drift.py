"""What was changed at the destination of one record, as people decide about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class DriftedValue(BaseModel):
    """One field that was changed at the destination: its values, as text, number, date or yes/no in canonical form."""

    model_config = ConfigDict(frozen=True)

    wanted: Any = Field(description="What the source wants the destination to hold.")
    there: Any = Field(description="What the destination holds.")
    may_adopt: bool = Field(description="Whether the source can be given the destination's value.")
    why_not: str = Field(default="", description="Why it cannot, as a sentence.")


class DriftView(BaseModel):
    """The fields of a record that somebody changed at the destination, by name, and the versions that they were compared in."""

    model_config = ConfigDict(frozen=True)

    source_rev: int = Field(description="The version of the source record. Send it back with the decision.")
    destination_rev: int = Field(
        description="The version of the destination record. Send it back with the decision."
    )
    changed_at: datetime | None = Field(
        description="When the destination was last changed there, if it reports that."
    )
    seen_at: datetime | None = Field(description="When Muster read the destination's values.")
    fields: dict[str, DriftedValue] = Field(
        description="By field. Empty when there is nothing to decide any more; fields that your role does not see are left out."
    )


class DriftDecided(BaseModel):
    """The run that writes what was decided; none when everything stands."""

    run_id: UUID | None = Field(description="Its id. The decision is carried out within a moment.")
