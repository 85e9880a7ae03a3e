"""Errors whose class says what happens next.

    MusterError
    ├── Unavailable          try again with back-off; a handler holds its partition
    │   ├── RateLimited      the same, after `retry_after` seconds
    │   └── StatementTimeout the same; a handler first tries with half of its batch
    ├── Rejected             no retry until the data change; the record shows Needs Action
    ├── Conflict             read again, plan again
    └── Unauthorized         pause the connection, tell people

Anything else is a bug: three tries, then the message is dead-lettered. In a worker it is `Unexpected`: it ends the work of one
task, never the process. Only `ProcessMustEndError` does that.
"""

import traceback
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """What a system answered to one write: its HTTP status, its own error code, and the name that it gave the exchange.

    `remote_text` is the error in its own words. It may quote any value, so only who sees every field sees it
    (`domain.visibility`), and it never reaches a log.
    """

    status: int
    code: str = ""
    trace_id: str = ""
    remote_text: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer with its body: JSON without social security numbers, as it is kept."""

    answer: RemoteAnswer
    body: str = "null"


class MusterError(Exception):
    """Base of the errors that carry a policy. `str(error)` is for engineers and never holds personal data.

    `reason` is what people are shown, a code of `domain.reasons`, and `field` the canonical field that it is about.
    """

    reason = "internal"
    field: str | None = None
    received: Received | None = None
    """What the system answered, where it did."""


class Unavailable(MusterError):
    """Something we need does not answer now: a database, a broker, a remote system."""

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        """`outcome_unknown`: the request may have been carried out (a time-out or a cut after it was sent)."""
        super().__init__(message)
        self.outcome_unknown = outcome_unknown
        self.reason = "outcome_unknown" if outcome_unknown else "unavailable"


class Unexpected(Unavailable):
    """A bug that one task's work met: tried again with back-off, a bounded number of times, then that task has failed."""

    def __init__(self, error: Exception, *, outcome_unknown: bool = False) -> None:
        super().__init__(f"{type(error).__name__} at {where(error)}", outcome_unknown=outcome_unknown)
        if not outcome_unknown:
            self.reason = "internal"


class RateLimited(Unavailable):
    """The remote system asks us to wait. `retry_after` is in seconds; `ours`: our own limiter asks, nothing was sent."""

    def __init__(self, message: str, *, retry_after: float, ours: bool = False) -> None:
        super().__init__(message)
        self.reason = "rate_limited"
        self.retry_after = retry_after
        self.ours = ours


class StatementTimeout(Unavailable):
    """The database gave a statement up that took too long: it is asked for too much at once, or has too much to do."""


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
    """The credential of one account does not work any more; `state` is a code of `domain.reasons.CONNECTIONS`."""

    reason = "unauthorized"

    def __init__(self, system: str, message: str = "", *, state: str = "reconnect") -> None:
        super().__init__(message or f"{system} refused our credential")
        self.system = system
        self.state = state


class ProcessMustEndError(Exception):
    """The process cannot go on, and a new one may: the only error that ends it."""


def where(error: BaseException) -> str:
    """The innermost calls that `error` came through, as function and line; never a value."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))
