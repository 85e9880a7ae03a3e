"""The port that both systems implement. Everything a service may ask of a system, in canonical words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from shared.contracts.records import Remote
from shared.errors import MusterError


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that came but cannot be read; `reason` is a code of `contracts.reasons`."""

    remote_id: str
    reason: str
    field: str | None = None
    payload: str = ""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as it came, unread: enough to tell whether it moved. `payload` holds nothing that may not be stored."""

    remote_id: str
    payload: bytes
    raw_hash: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Up to 1,000 records of a directory, in the remote's order of ids. `cursor` continues it; None: the end.

    `as_of` is the remote's own clock when it answered, for the next delta. `gone` are people that the remote says it
    does not have any more (a merge); nobody else is gone because a page does not show them.
    """

    records: Sequence[RawRecord]
    cursor: str | None
    requested_at: datetime
    answered_at: datetime
    as_of: datetime
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who a credential opens. `features` change what may be written (`contracts.capabilities`)."""

    tenant_id: str
    name: str = ""
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """One intended write. `fields` are canonical values by name; None clears, `active` deactivates and reactivates.

    For an update `current` is the fresh read that the fields were compared with: what we do not map survives.
    """

    action: Literal["create", "update"]
    item_id: str
    fields: Mapping[str, object]
    current: Remote | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one write: the record as answered, or the error (`shared.errors` says what happens next)."""

    item_id: str
    remote: Remote | None = None
    error: MusterError | None = None


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """One HTTP call, rendered, to be stored before it is sent and repeated to the letter (architecture decision 7)."""

    key: str
    method: str
    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Sequence[str] = ()


class Connector(Protocol):
    """One account of one system. Times are UTC. Every method may raise the errors of `shared.errors`."""

    batch_size: int
    """Writes that fit one call: 30 for QuickBooks, 1 for Linarc."""
    parallel_calls: int
    """Calls that the system takes at once from us."""
    settled_after_seconds: float
    """So long after it was sent, a call has been carried out or never will be: one that was given up is looked for."""
    keys_hold_seconds: float
    """So long after its first sending a call may be sent again under its key; an older one is looked for."""

    async def test(self) -> Tenant:
        """The tenant that the remote reports; proves the credential."""

    async def read_page(self, cursor: str | None, *, since: datetime | None = None) -> Page:
        """The directory's next page, inactive people included; with `since`, what changed from then on."""

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """A raw record in canonical words. Pure."""

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        """These records, fresh; one that does not exist is left out."""

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """The call that carries these writes (at most `batch_size`). Pure; the same writes give the same bytes."""

    async def send(self, call: PreparedCall) -> Sequence[Written]:
        """Send a prepared call; one outcome a member. Raises when the call as a whole failed.

        `Unavailable(outcome_unknown=True)` means that it may have been carried out: send the same call again.
        """

    async def find_created(self, write: Write) -> Remote | None:
        """The record that a creation of unknown outcome may have made, found by number, e-mail or name."""

    async def close(self) -> None:
        """Give the connections back."""
