"""What the destination answered goes with the events, and stays with the call that it answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from services.syncer.api.exchange import exchange_of
from services.syncer.worker import Sender
from shared.domain.settings import Account
from shared.settings import LimitSettings
from tests.support.companies import COMPANY
from tests.support.systems import Side, sandbox

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


class Of:
    """Gives out a side's connector."""

    def __init__(self, side: Side) -> None:
        self.side = side

    async def get(self, account: Account, company: UUID) -> Any:
        return self.side.connector()


async def test_a_refusal_carries_quickbooks_code_words_and_trace_id_and_is_kept_beside_its_request(
    world: World, tmp_path: Path
) -> None:
    """In a call of two, each has its own part of the request and of the answer."""
    async with sandbox("quickbooks", "in process", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        await side.seed([{"DisplayName": "Ottoline Vassbakk"}], list="Vendor")
        handlers = world.handlers
        world.sender = Sender(
            world.database, handlers.outbox, Of(side), handlers.clock, handlers.settings, handlers.senders
        )
        await world.staged("taken", first_name="Ottoline", last_name="Vassbakk")
        await world.staged("free", first_name="Bea", last_name="Ek")
        await world.unmatched("taken", "free")
        nothing = await exchange_of(world.database, COMPANY, world.id("taken"))
        assert (nothing.request, nothing.answer) == (None, None)
        assert nothing.mapped is not None
        assert (nothing.mapped.action, nothing.mapped.employee["last_name"]) == ("create", "Vassbakk")

        await world.sync("taken", "free")
        await world.send()

        (failed,) = await world.published("push.failed")
        answer = failed["answer"]
        assert (answer["code"], answer["trace_id"][:2]) == ("6240", "1-")
        assert answer["remote_text"]
        assert failed["record_status"]["answer"] == answer

        refused = await exchange_of(world.database, COMPANY, world.id("taken"))
        assert refused.request is not None
        assert refused.answer is not None
        assert (refused.request.members, refused.request.state) == (2, "answered")
        assert refused.request.body["Employee"]["FamilyName"] == "Vassbakk"
        assert "Fault" in refused.answer.body
        assert refused.answer.trace_id == answer["trace_id"]

        taken = await exchange_of(world.database, COMPANY, world.id("free"))
        assert taken.request is not None
        assert taken.answer is not None
        assert taken.request.body["Employee"]["FamilyName"] == "Ek"
        assert (taken.answer.code, taken.answer.body["Employee"]["FamilyName"]) == ("", "Ek")
        await side.close()


async def test_an_answer_to_a_whole_call_is_kept_and_stays_while_the_push_is_tried_again(
    world: World, tmp_path: Path
) -> None:
    async with sandbox("quickbooks", "in process", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        await side.faults({"match": {"operation": "create"}, "action": "status", "status": 503})
        handlers = world.handlers
        world.sender = Sender(
            world.database, handlers.outbox, Of(side), handlers.clock, handlers.settings, handlers.senders
        )
        await world.staged("one")
        await world.unmatched("one")
        await world.sync("one")
        await world.send()
        found = await exchange_of(world.database, COMPANY, world.id("one"))
        assert found.request is not None
        assert found.answer is not None
        assert found.request.state == "unknown"
        assert (found.answer.status, found.answer.code) == (503, "")
        await side.close()
