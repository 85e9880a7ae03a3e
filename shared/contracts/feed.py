"""What other programs receive of a company: its log, entry by entry, without values."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.contracts.views import View


class FeedEvent(View):
    """One entry of the company's log. `id` orders a company's events and is where a reader goes on.

    It carries ids, codes and the names of fields, never their values: those are read from the record, with the reader's role.
    """

    id: int
    event_id: UUID
    type: str
    """The event's type, such as `status.changed`; more types may come."""
    time: datetime
    record_id: UUID | None = None
    run_id: UUID | None = None
    actor: str | None = None
    status: str | None = None
    reason: str | None = None
    field: str | None = None
    action: str | None = None
    fields: tuple[str, ...] = ()
    """The fields that moved, or that a push writes."""
    counts: dict[str, int] = Field(default_factory=dict)
    """A run's counts."""


class FeedPage(View):
    """Events in their order. `next` is where to go on, also where nothing was found; `head` is where the log ends."""

    items: tuple[FeedEvent, ...]
    next: int
    head: int


class EndpointView(View):
    """An address that receives a company's events."""

    endpoint_id: UUID
    url: str
    types: tuple[str, ...]
    """The types it receives; none means all."""
    description: str
    state: str
    """`active`, `paused` by a person, or `disabled` because nothing arrived there for a day."""
    created_at: datetime
    created_by: str
    delivered_at: datetime | None
    failing_since: datetime | None
    waiting: int
    """Deliveries that have not arrived yet."""


class NewEndpoint(EndpointView):
    """The same with its secret, which is shown once."""

    secret: str


class EndpointList(View):
    """A company's addresses for events."""

    items: tuple[EndpointView, ...]


class DeliveryView(View):
    """One event on its way to one address."""

    delivery_id: int
    event_id: UUID
    type: str
    state: str
    """`waiting`, `delivered`, or `failed` after a day of tries."""
    tries: int
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    answer: str | None
    """How the last try ended: an HTTP status such as `503`, or why there was none."""
    event: dict[str, Any]


class DeliveryPage(View):
    """Deliveries, newest first; `next` continues the list."""

    items: tuple[DeliveryView, ...]
    next: int | None
