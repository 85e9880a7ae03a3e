"""The port that both systems implement. Everything a service may ask of a system, in canonical words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.employee import Remote, Unread
from shared.domain.values import Action, Holder
from shared.errors import MusterError, Received


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as it came, unread: enough to tell whether it moved. `payload` holds nothing that may not be stored."""

    remote_id: str
    payload: bytes
    raw_hash: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Up to 1,000 records of a directory, in an order of the remote's. `cursor` continues it; None: the end.

    `as_of` is the remote's own clock when it answered, for the next delta. `gone` are people that the remote says it
    does not have any more (a merge): they are asked for by name before that is believed. Nobody else is gone because a
    page does not show them.
    """

    records: Sequence[RawRecord]
    cursor: str | None
    requested_at: datetime
    answered_at: datetime
    as_of: datetime
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Browsed:
    """Some people of a directory, for somebody who looks at it. `cursor` continues them; None: there are no more.

    `total` is how many there are in all, where the system says so.
    """

    records: Sequence[RawRecord]
    cursor: str | None
    total: int | None
    requested_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class NamesPage:
    """Names of another list than the employees' (`System.name_lists`), up to 1,000. `cursor` continues them; None: the end.

    `gone` are the ids of those that the list does not have any more. `as_of` is the remote's clock, for the next changes.
    """

    names: Sequence[Holder]
    cursor: str | None
    as_of: datetime
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who a credential opens. `features` change what may be written (`domain.capabilities`)."""

    tenant_id: str
    name: str = ""
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """One intended write. `fields` are canonical values by name; None clears, `active` deactivates and reactivates.

    For an update `current` is the fresh read that the fields were compared with: what we do not map survives.
    """

    action: Action
    push_id: str
    fields: Mapping[str, object]
    current: Remote | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one write: the record as answered, or the error (`shared.errors` says what happens next)."""

    push_id: str
    remote: Remote | None = None
    error: MusterError | None = None
    received: Received | None = None
    """What the system answered of this write; of a failed one it stands with the error."""


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """One HTTP call, rendered, to be stored before it is sent and repeated verbatim (architecture decision 7)."""

    key: str
    method: str
    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """One event that a system announced: something happened to a record of a tenant. A hint to read it, never a fact.

    `event_id` and `at` are the same however often the event is delivered, and the change was not after `at`, up to the
    fractions of a second. `version` is the one that the change left, as reads show it. Without `remote_id` it is about
    something else than an employee.
    """

    tenant_id: str
    event_id: str
    kind: str
    at: datetime
    remote_id: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one delivery holds: its notices, and whether anything in it could not be read."""

    notices: Sequence[Notice]
    complete: bool = True


class Webhooks(Protocol):
    """How a system announces changes: the module `webhooks` of its package. All of it is pure."""

    def new_secret(self) -> str:
        """A secret for the deliveries of one account; not of a system with `one_webhook`, which gives its own."""

    def is_authentic(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> bool:
        """Whether one of the secrets signed this body, in constant time; nothing of the body is read before."""

    def read(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """What an authentic body says. Raises ValueError when nothing of it can be read."""

    def sample(self, tenant_id: str, secret: str, now: datetime) -> tuple[dict[str, str], bytes]:
        """The headers and the body of a signed delivery about no employee, to try an address out."""


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

    async def browse(self, text: str, cursor: str | None, limit: int) -> Browsed:
        """People whom somebody looks for, at most `limit` (up to 1,000), inactive ones included.

        `text` is a part of a name, whatever its case; a system may look in more than names. Empty: everybody.
        Raises ValueError for a cursor that is not this method's.
        """

    def parse(self, raw: RawRecord) -> Remote | Unread:
        """A raw record in canonical words. Pure."""

    async def read_many(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | Unread]:
        """These records, fresh; one that does not exist is left out."""

    def prepare(self, key: str, writes: Sequence[Write]) -> PreparedCall:
        """The call that carries these writes (at most `batch_size`). Pure; the same writes give the same bytes."""

    async def send(self, call: PreparedCall, *, again: bool = False) -> Sequence[Written]:
        """Send a prepared call; one outcome a member. Raises when the call as a whole failed.

        `again`: it may have been carried out before, so a refusal that may mean just that is of unknown outcome.

        `Unavailable(outcome_unknown=True)` means that it may have been carried out: send the same call again.
        """

    async def find_created(self, write: Write) -> Remote | None:
        """The record that a creation of unknown outcome may have made, found by number, e-mail or name."""

    async def read_names(
        self, kind: str, cursor: str | None, *, since: datetime | None = None
    ) -> NamesPage | None:
        """The next page of one of the system's `name_lists`, inactive ones included; with `since`, what changed from then on.

        None: the changes cannot be given, so the whole list must be read.
        """

    async def find_holders(self, field: str, value: str) -> Sequence[Holder]:
        """Who else than an employee has this unique value, as far as the system can be asked for it."""

    async def close(self) -> None:
        """Give the connections back."""
