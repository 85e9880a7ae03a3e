"""What the public API shows of schedules."""

from datetime import datetime
from uuid import UUID

from shared.contracts.views import View
from shared.domain.schedules import Timing


class ScheduleView(View):
    """One schedule. `last_problem` says why the last time came to no run; else `last_run_id` is that run."""

    schedule_id: UUID
    action: str
    timing: Timing
    active: bool
    made_by: str
    next_at: datetime
    last_at: datetime | None
    last_run_id: UUID | None
    last_problem: str
