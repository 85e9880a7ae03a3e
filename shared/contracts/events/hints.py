"""`notifications.v1` and `views.v1`: something moved; its values are asked for."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.ids import record_id


class SourceChanged(Body):
    """A system reports that records changed. Only a hint: importer reads them."""

    topic = topics.NOTIFICATIONS
    record_id: UUID
    account_id: UUID
    remote_id: str
    others: tuple[str, ...] = ()
    """The remote ids of further records of the account that were reported with this one."""

    @classmethod
    def of(cls, account: UUID, remote_ids: Sequence[str]) -> Self:
        """A hint about these records of one account, at least one."""
        first, *others = remote_ids
        return cls(
            record_id=record_id(account, first), account_id=account, remote_id=first, others=tuple(others)
        )

    def remote_ids(self) -> tuple[str, ...]:
        """Everybody whom it names."""
        return (self.remote_id, *self.others)


class ViewChanged(Body):
    """Something that pages may show has moved. A hint, never rows; `records` is null when there are too many to name."""

    topic = topics.VIEWS
    company_id: UUID
    position: int
    records: tuple[UUID, ...] | None = ()
    runs: tuple[UUID, ...] = ()
