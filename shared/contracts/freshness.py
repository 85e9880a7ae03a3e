"""What the public API shows of how soon changes are seen."""

from datetime import datetime
from uuid import UUID

from shared.contracts.views import View


class AccountFreshness(View):
    """One account that the route follows.

    `looked_at`: everything that changed before then is known. `every_seconds`: how often Muster asks by itself. `hinted_at`:
    the last webhook, to about ten seconds. `silent`: sweeps found changes (`found_by_sweep` in all) that no webhook had
    announced, and none has come since. `seen`: changes that Auto-Create and Auto-Update keep out of staging until an import.
    """

    account_id: UUID
    looked_at: datetime | None
    every_seconds: int | None
    hinted_at: datetime | None
    silent: bool
    found_by_sweep: int
    found_at: datetime | None
    seen: int


class FreshnessView(View):
    """Changes are seen at once by webhook, else within `within_seconds`; `looked_at` is the account's that is furthest behind."""

    within_seconds: int | None
    looked_at: datetime | None
    accounts: list[AccountFreshness]
