"""Plans: what is to be written to a destination, the limits that hold it, and what writing it will take. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from math import ceil
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.capabilities import System


class PlanKind(StrEnum):
    """Who made a plan: a person, to look at it first; a person or a key, to be applied at once; the company's rules."""

    PERSON = "person"
    DIRECT = "direct"
    RULES = "rules"


class PlanState(StrEnum):
    """Where a plan is. `held` waits for its release, `draft` for its approval; the last three are final."""

    DRAFT = "draft"
    HELD = "held"
    APPROVED = "approved"
    APPLYING = "applying"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PlanAction(StrEnum):
    """What a plan does with one record, in the order in which people look at them."""

    BLOCKED = "blocked"
    DEACTIVATE = "deactivate"
    CREATE = "create"
    REACTIVATE = "reactivate"
    UPDATE = "update"
    NO_CHANGE = "no_change"


class Brake(StrEnum):
    """What holds a plan before its first write."""

    FIRST_SYNC = "first_sync"
    CHANGED = "changed"
    CHANGED_SHARE = "changed_share"
    DEACTIVATED = "deactivated"
    PAY_FACTOR = "pay_factor"


WATCHED = frozenset(
    {"number", "first_name", "middle_name", "last_name", "suffix", "bill_rate", "cost_rate", "pay_type"}
)
"""Name, number and pay: the fields whose changes are counted."""
PAY = frozenset({"bill_rate", "cost_rate"})
SHARE_FROM = 10
"""A share of fewer changed records than these says nothing."""


class SafetyLimits(BaseModel):
    """How much one plan may do before a person has released it; null is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_sync: bool = True
    """Hold the company's first plan, whatever its size."""
    changed: int | None = Field(default=50, ge=0)
    """Linked records with name, number or pay changed."""
    changed_percent: int | None = Field(default=25, ge=0, le=100)
    """The same, as a share of all linked records."""
    deactivated: int | None = Field(default=5, ge=0)
    pay_factor: float | None = Field(default=2.0, gt=1)
    """By which an amount of pay may rise or fall."""


NO_LIMITS = SafetyLimits(
    first_sync=False, changed=None, changed_percent=None, deactivated=None, pay_factor=None
)


class Tripped(BaseModel):
    """A brake that holds a plan: how many records, the limit that they exceed, and some of them."""

    model_config = ConfigDict(frozen=True)

    brake: Brake
    count: int
    limit: float | None = None
    sample: tuple[UUID, ...] = ()


class Prediction(NamedTuple):
    """What writing a plan will take."""

    calls: int
    seconds: float


def predicted(system: System, counts: Mapping[str, int]) -> Prediction:
    """The API calls of a plan with these counts by action, and the time that the system's limits make of them.

    Each update reads its record first; a creation is preceded by one read of what changed in the directory.
    """
    creations = counts.get(PlanAction.CREATE, 0)
    updates = sum(counts.get(a, 0) for a in (PlanAction.UPDATE, PlanAction.REACTIVATE, PlanAction.DEACTIVATE))
    reads = updates + counts.get(PlanAction.NO_CHANGE, 0)
    writes = ceil(creations / system.batch_size) + ceil(updates / system.batch_size)
    calls = writes + ceil(reads / system.read_size) + (1 if creations else 0)
    rates = system.rates
    paces = [calls / rates.requests_per_second if rates.requests_per_second else 0.0]
    paces.append(60 * calls / rates.requests_per_minute if rates.requests_per_minute else 0.0)
    if system.batch_size > 1 and rates.batches_per_minute:
        paces.append(60 * writes / rates.batches_per_minute)
    return Prediction(calls, round(max(paces), 1))
