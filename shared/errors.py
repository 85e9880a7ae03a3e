"""Errors whose class says what happens next.

    MusterError
    ├── Unavailable          try again with back-off; a handler holds its partition
    │   └── RateLimited      the same, after `retry_after` seconds
    ├── Rejected             no retry until the data change; the record shows Needs Action
    ├── Conflict             read again, plan again
    └── Unauthorized         pause the connection, tell people

Anything else is a bug: three tries, then the message is parked.
"""


class MusterError(Exception):
    """Base of the errors that carry a policy. `str(error)` is for engineers and never holds personal data.

    `reason` is what people are told, a code of `contracts.reasons`, and `field` the canonical field that it is about.
    """

    reason = "internal"
    field: str | None = None


class Unavailable(MusterError):
    """Something we need does not answer now: a database, a broker, a remote system."""

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        """`outcome_unknown`: the request may have been carried out (a time-out or a cut after it was sent)."""
        super().__init__(message)
        self.outcome_unknown = outcome_unknown
        self.reason = "outcome_unknown" if outcome_unknown else "unavailable"


class RateLimited(Unavailable):
    """The remote system asks us to wait. `retry_after` is in seconds; `ours`: our own limiter said so, nothing was sent."""

    def __init__(self, message: str, *, retry_after: float, ours: bool = False) -> None:
        super().__init__(message)
        self.reason = "rate_limited"
        self.retry_after = retry_after
        self.ours = ours


class Rejected(MusterError):
    """Refused for its content."""

    def __init__(self, reason: str, *, field: str | None = None, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.field = field


class Conflict(MusterError):
    """The remote record moved since we read it."""

    reason = "stale"


class Unauthorized(MusterError):
    """The credential of one account does not work any more; `state` is a code of `contracts.reasons.CONNECTIONS`."""

    reason = "unauthorized"

    def __init__(self, system: str, message: str = "", *, state: str = "reconnect") -> None:
        super().__init__(message or f"{system} refused our credential")
        self.system = system
        self.state = state
