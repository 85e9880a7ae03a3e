"""Connections of a company, as the API shows them."""

from datetime import date, datetime
from uuid import UUID

from shared.contracts.views import View


class BudgetView(View):
    """What an account's system allows, and what has been used. Limits of 0 are none; `metered_*` are CorePlus calls."""

    requests_per_minute: int
    requests_per_second: int
    batches_per_minute: int
    concurrent: int
    reserved: int
    """Of `concurrent`, held by Muster's processes now."""
    wait_seconds: float
    paused_until: datetime | None
    """The system asked Muster to wait until then."""
    month: date
    unmetered: int
    metered: int
    metered_per_month: int
    last_at: datetime | None
    """The last call."""
    in_minute: int
    """Calls in the minute of the last one; 0 when that is over."""
    lasts_until: datetime | None
    """When the month's metered calls will have been used at the pace of the month so far; null when they last."""


class AccountView(View):
    """A company's directory in one system, how its connection is and what to do about it."""

    account_id: UUID
    system: str
    environment: str
    tenant_id: str
    name: str
    base_url: str
    connected: bool
    features: tuple[str, ...]
    state: str
    state_text: str
    fix: str
    problem: str
    warning: str
    """A code: `directory_short`, or `calls_running_out` (see `budget.lasts_until`); empty when all is well."""
    warning_text: str
    warning_count: int
    """So many people of the directory were not there when it was read; they were not marked as gone."""
    warning_total: int
    """So many it had before."""
    reconnect_by: datetime | None
    """A person must connect it again before then, unless it is renewed by use."""
    renewed_at: datetime | None
    """When the key or the tokens were given or last replaced."""
    token_until: datetime | None
    """When the access token ends; it is renewed before that."""
    budget: BudgetView


class AccountEnded(AccountView):
    """A connection that has ended. `revoked` is false where the system did not answer; then end it there as well."""

    revoked: bool
