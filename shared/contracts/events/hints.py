"""`notifications.v1` and `views.v1`: something moved; its values are asked for."""

from uuid import UUID

from shared.contracts import topics
from shared.contracts.events.messages import Body


class SourceChanged(Body):
    """A system reports that a record changed. Only a hint: importer reads the record."""

    topic = topics.NOTIFICATIONS
    record_id: UUID
    account_id: UUID
    remote_id: str


class ViewChanged(Body):
    """Something that pages may show has moved. A hint, never rows; `records` is null when there are too many to name."""

    topic = topics.VIEWS
    company_id: UUID
    position: int
    records: tuple[UUID, ...] | None = ()
    runs: tuple[UUID, ...] = ()
