"""What can be chosen about the QuickBooks stand-in; where Intuit's pages leave a doubt, the stricter choice is first."""

from __future__ import annotations

from sandbox.quickbooks.metering import CORE_PLUS_A_MONTH
from sandbox.quickbooks.tokens import HARD_SECONDS
from sandbox.state import Setting

REAL = {
    "requests_per_second": 10,
    "requests_per_minute": 500,
    "batches_per_minute": 40,
    "concurrent_requests": 10,
}
OFF = dict.fromkeys(REAL, 0)
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
    # A refused call has a JSON or an XML body, and says after how many seconds to come again (0: it does not say).
    "throttle_shape": "json",
    "throttle_retry_after": 0,
    # How many times faster the clock of limits and of webhooks' retries runs.
    "time_scale": 1.0,
    # Reads that a company has free in a month; after them every read is refused. 0 is no cap.
    "core_plus_per_month": CORE_PLUS_A_MONTH,
    # Without `Accept: application/json` answers are XML.
    "xml_without_accept": True,
    # A body with `sparse: true` changes only the fields that it names.
    "honour_sparse": False,
    # A stored SSN survives an update that leaves it out.
    "ssn_survives_omission": False,
    # A call with another company's token is refused as 401, code 100, in XML (`xml`), as 401 of type SERVICE (`service`),
    # or as `403`.
    "wrong_company_shape": "xml",
    # Inactive people still hold the name that they had before " (deleted)".
    "inactive_hold_names": True,
    # A bill rate is taken only together with `BillableTime: true`, and silently dropped without.
    "rate_needs_flag": True,
    # Reading an id that does not exist answers a stub with 200 instead of 610.
    "missing_as_stub": False,
    # For an employee without a name: 2020 or 6080.
    "no_name_code": "2020",
    # Queries may be sorted by Id (announced to end).
    "sort_by_id": False,
    # A page of more than 1,000 is clamped instead of refused.
    "clamp_max_results": False,
    # Webhooks are CloudEvents or `legacy`, gathered for some seconds; a deactivation is announced as `deleted` or
    # `updated`; with Payroll on, a creation has an id that is not the employee's; later bodies wait until an earlier
    # one is accepted.
    "webhook_format": "cloudevents",
    "webhook_gather_seconds": 0.0,
    "deactivation_event": "deleted",
    "payroll_webhook_ids": True,
    "hold_back": True,
    # Answers of a batch come in another order than its items.
    "shuffle_batches": True,
}
