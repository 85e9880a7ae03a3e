"""Calls whose outcome is not known: sent again verbatim with their own keys, or what they may have made is looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.syncer import core
from services.syncer.core import Push
from services.syncer.settings import Settings
from services.syncer.store import calls
from services.syncer.store.calls import Call
from services.syncer.worker.call_results import CallResult
from services.syncer.worker.transmitting import PATIENCE_SECONDS, Transmitter
from shared.clock import Clock
from shared.connectors.opening import Connectors
from shared.connectors.ports import Connector, Write, Written
from shared.db.companies import load_settings
from shared.db.leases import LeaseLostError
from shared.db.tx import Database
from shared.domain.settings import Account
from shared.domain.values import Action
from shared.errors import MusterError, Unavailable, Unexpected
from shared.telemetry import traces


class Settler:
    """Settles one call at a time."""

    def __init__(
        self,
        database: Database,
        connectors: Connectors,
        transmitter: Transmitter,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._transmitter = transmitter
        self._clock = clock
        self._settings = settings

    async def settle(self, call: Call) -> None:
        """Send it again, or look for what it has made, or give it up."""
        async with self._database.transaction([call.company_id]) as tx:
            settings = (await load_settings(tx, [call.company_id])).get(call.company_id)
            pushes = await calls.members(tx, call)
        account = settings.account(call.account_id) if settings else None
        if call.attempts > self._settings.send_attempts and call.age_seconds > PATIENCE_SECONDS:
            await self._transmitter.call_failed(
                call, Unavailable("tried too often", outcome_unknown=True), again=True
            )
            return
        if account is None:
            raise Unavailable("the account of a call is not known yet")
        with traces.span("push again", links=(i.traceparent for i in pushes), count=len(pushes)):
            try:
                await self._settle_or_repeat(call, pushes, account)
            except (MusterError, LeaseLostError):
                raise
            except Exception as error:  # noqa: BLE001  (a bug ends this call after some tries)
                await self._transmitter.call_failed(call, Unexpected(error, outcome_unknown=True), again=True)

    async def _settle_or_repeat(self, call: Call, pushes: Sequence[Push], account: Account) -> None:
        connector = await self._connectors.get(account, call.company_id)
        creates = call.action is Action.CREATE
        too_old = creates and call.age_seconds > connector.keys_hold_seconds
        resumed = creates and call.resumed and all(map(core.can_be_found, pushes))
        wait = connector.settled_after_seconds - call.quiet_seconds
        if (too_old or resumed) and wait < 0:
            await self._look_up(call, pushes, connector)
            return
        async with self._database.transaction([call.company_id]) as tx:
            if too_old:
                await calls.close_calls(
                    tx, call.company_id, [(call, "unknown", calls.NO_ANSWERS)], again_seconds=wait
                )
                return
            if not await calls.send_again(tx, call):
                raise LeaseLostError
        await self._transmitter.transmit(call, pushes, connector, asyncio.Semaphore(1), again=True)

    async def _look_up(self, call: Call, pushes: Sequence[Push], connector: Connector) -> None:
        """Look for what a call of creations has made; what is not there was not made, and may be made again.

        What cannot be looked for stays unknown: a person must look.
        """
        asked_at = self._clock.now()
        written = []
        try:
            for push in pushes:
                write = Write(Action.CREATE, str(push.push_id), core.values(push))
                if not core.can_be_found(push):
                    unclear = Unavailable("nothing to look for", outcome_unknown=True)
                    written.append(Written(write.push_id, error=unclear))
                elif (found := await connector.find_created(write)) is not None:
                    written.append(Written(write.push_id, found))
        except MusterError as error:
            await self._transmitter.call_failed(call, error, again=True)
            return
        members = {str(i.push_id): i for i in pushes}
        await self._transmitter.record(
            CallResult(call, members, written, asked_at, self._clock.now(), looked_up=True)
        )
