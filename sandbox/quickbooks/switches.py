"""What can be chosen about the QuickBooks stand-in; where Intuit's pages leave a doubt, the stricter choice is first."""

from __future__ import annotations

from sandbox.box import Setting
from sandbox.quickbooks.throttle import OFF
from sandbox.quickbooks.tokens import HARD_SECONDS

SWITCHES: dict[str, Setting] = {
    # The authorise page approves without a person.
    "auto_approve": False,
    # Each refresh gives a new refresh token, and the old value dies at once; else it lives for another day.
    "rotate_refresh": True,
    "old_refresh_dies": True,
    # Access tokens die with a refresh (they live on at Intuit until their hour is over).
    "old_access_dies": False,
    # From consent to the day after which only a person can connect again.
    "hard_expiry_seconds": HARD_SECONDS,
    # Limits for each company; 0 is none. `--limits real` sets Intuit's.
    **OFF,
    # How many times faster the clock of limits and of webhooks' retries runs.
    "time_scale": 1.0,
    "honour_sparse": False,
    "ssn_survives_omission": True,
}
