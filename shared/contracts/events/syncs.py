"""`syncs.v1`: how far a sync has come, and the plan that it writes."""

from datetime import datetime
from uuid import UUID

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.plans import PlanKind, Tripped


class SyncStarted(Body):
    """A push that a person asked for has been planned: how many records go, how many are skipped and why."""

    topic = topics.SYNCS
    run_id: UUID
    total: int
    skipped: dict[str, int]


class SyncProgressed(Body):
    """How far a push has come. `retrying`: failed for a transient reason, and tried again by themselves after the run."""

    topic = topics.SYNCS
    run_id: UUID
    total: int
    succeeded: int
    failed: int
    retrying: int = 0
    skipped: dict[str, int]


class SyncCompleted(SyncProgressed):
    """A push's end, with its counts."""


class AboutPlan(Body):
    """What happened to a plan; `run_id` is its id."""

    run_id: UUID


class PlanCreated(AboutPlan):
    """A plan is whole. `counts` are by action; with `tripped` it is held. A plan of the rules begins empty."""

    topic = topics.SYNCS
    kind: PlanKind
    account_id: UUID
    total: int
    counts: dict[str, int]
    expires_at: datetime | None = None
    tripped: tuple[Tripped, ...] = ()


class PlanAmended(AboutPlan):
    """Somebody took these records out of a plan, or put them back."""

    topic = topics.SYNCS
    records: tuple[UUID, ...]
    excluded: bool


class PlanHeld(AboutPlan):
    """A brake holds what the rules would push: nothing more of it is written until somebody releases it."""

    topic = topics.SYNCS
    tripped: tuple[Tripped, ...]


class PlanApproved(AboutPlan):
    """Somebody approved a plan: so many records are written now."""

    topic = topics.SYNCS
    records: int


class PlanReleased(AboutPlan):
    """Somebody let a held plan go, or some of its records."""

    topic = topics.SYNCS
    records: int


class PlanCancelled(AboutPlan):
    """Somebody stopped a plan; so many records had not been sent."""

    topic = topics.SYNCS
    records: int


class PlanExpired(AboutPlan):
    """Nobody approved a plan in time."""

    topic = topics.SYNCS
