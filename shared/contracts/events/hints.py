"""`notifications.v1` and `views.v1`: something moved; its values are asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.ids import record_id


class Reported(BaseModel):
    """One event of a webhook: the version of the record that came to be, where it says so, and when, by the system's clock."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    remote_id: str
    version: str | None = None
    at: datetime | None = None


class SourceChanged(Body):
    """A system reports that records changed. Only a hint: importer reads them."""

    topic = topics.NOTIFICATIONS
    record_id: UUID
    account_id: UUID
    remote_id: str
    others: tuple[str, ...] = ()
    """The remote ids of further records of the account that were reported with this one."""
    reported: tuple[Reported, ...] = ()
    """What webhooks said of them, an event each. Whoever is not in it is read, whatever is known."""

    @classmethod
    def of(cls, account: UUID, remote_ids: Sequence[str], reported: Sequence[Reported] = ()) -> Self:
        """A hint about these records of one account, at least one."""
        first, *others = remote_ids
        return cls(
            record_id=record_id(account, first),
            account_id=account,
            remote_id=first,
            others=tuple(others),
            reported=tuple(reported),
        )

    def remote_ids(self) -> tuple[str, ...]:
        """Everybody whom it names."""
        return (self.remote_id, *self.others)

    def record_ids(self) -> list[UUID]:
        """Their records."""
        return [record_id(self.account_id, i) for i in self.remote_ids()]


class ViewChanged(Body):
    """Something that pages may show has moved. A hint, never rows; `records` is null when there are too many to name."""

    topic = topics.VIEWS
    company_id: UUID
    position: int
    records: tuple[UUID, ...] | None = ()
    runs: tuple[UUID, ...] = ()
