"""New intents to push."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.syncer.core import Push, PushState
from shared.contracts.commands import SyncRecords
from shared.contracts.events import Message
from shared.domain.settings import CompanySettings
from shared.domain.values import Lane
from shared.messaging.outbox import derived


def asked_for(
    event: Message[Any],
    settings: Mapping[UUID, CompanySettings],
    name: str,
    record: UUID | None = None,
) -> Push | None:
    """A new intent to push, with an id that a repeat of the command gives again."""
    document = settings.get(event.company_id)
    account = document.destination() if document else None
    if account is None or not account.connected:
        return None
    lane = event.lane if not isinstance(event.body, SyncRecords) or event.body.parts == 1 else Lane.BULK
    return Push(
        derived(event.company_id, name),
        record or event.body.record_id,
        account.account_id,
        PushState.WAITING,
        run_id=event.run_id,
        actor=event.actor,
        lane=lane,
    )
