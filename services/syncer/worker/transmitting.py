"""Send stored calls, and record what each was answered; a call that fails as a whole is repeated, given up, or taken apart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from services.syncer import core
from services.syncer.core import Push
from services.syncer.settings import Settings
from services.syncer.store import calls
from services.syncer.store.calls import Call
from services.syncer.worker.call_results import CallResult, CallResults
from services.syncer.worker.holders import Directory, find_holders
from services.syncer.worker.outcomes import Outcome
from services.syncer.worker.recording import Recorder
from shared.backoff import backoff_seconds
from shared.clock import Clock
from shared.connectors.ports import Connector, PreparedCall, Written
from shared.db.leases import LEASE_SECONDS, LeaseLostError, renewing
from shared.db.tx import Database
from shared.domain.values import Holder
from shared.errors import MusterError, RateLimited, Rejected, Unavailable, Unexpected, where
from shared.telemetry.logs import log

PATIENCE_SECONDS = 3600.0
"""So long a call of unknown outcome is tried again whenever the system asks to wait; then it is given up like others."""


class Transmitter:
    """Calls on their way, and their answers."""

    def __init__(self, database: Database, recorder: Recorder, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._call_results = CallResults(database, recorder)

    async def send(
        self,
        company: UUID,
        connector: Connector,
        stored: Sequence[tuple[Call, Sequence[Push]]],
        before: Mapping[UUID, str],
    ) -> None:
        """Store all calls in one transaction, then send them, as many at once as the system takes; meanwhile they stay ours."""
        if not stored:
            return
        async with self._database.transaction([company]) as tx:
            if not await calls.add_calls(tx, stored, before, LEASE_SECONDS):
                raise LeaseLostError
        limit = asyncio.Semaphore(connector.parallel_calls)
        sent = [self.transmit(call, members, connector, limit) for call, members in stored]

        async def renew() -> bool:
            async with self._database.locked([company]) as tx:
                await calls.renew(tx, company, [call for call, _ in stored], LEASE_SECONDS)
            return True

        for result in await renewing(asyncio.gather(*sent, return_exceptions=True), renew):
            if isinstance(result, BaseException):
                raise result

    async def transmit(
        self,
        call: Call,
        pushes: Sequence[Push],
        connector: Connector,
        limit: asyncio.Semaphore,
        *,
        again: bool = False,
    ) -> None:
        """Send a stored call and record its outcome; a failure of the whole call decides what may happen to it next."""
        try:
            async with limit:
                requested_at = self._clock.now()
                written = await connector.send(_prepared(call), again=again)
                answered_at = self._clock.now()
        except Exception as error:  # noqa: BLE001  (a bug ends this call, not the process)
            known = error if isinstance(error, MusterError) else Unexpected(error, outcome_unknown=True)
            await self.call_failed(call, known, again=again)
            return
        members = {str(push.push_id): push for push in pushes}
        holders = await self._holders(connector, call, members, written)
        await self.record(CallResult(call, members, written, requested_at, answered_at, holders=holders))

    async def _holders(
        self, connector: Connector, call: Call, members: Mapping[str, Push], written: Sequence[Written]
    ) -> Mapping[UUID, Holder]:
        """Who has what was refused; an answer is recorded even where that cannot be told."""
        try:
            return await find_holders(Directory(self._database, connector, call), members, written)
        except Exception as error:  # noqa: BLE001
            log.error("work.failed", operation="holders", outcome=type(error).__name__, where=where(error))
            return {}

    async def record(self, result: CallResult) -> None:
        """An answer that a bug keeps from being recorded leaves its call's outcome unknown: repeated, then given up."""
        try:
            await self._call_results.record(result)
        except (Unavailable, LeaseLostError):
            raise
        except Exception as error:  # noqa: BLE001
            await self.call_failed(result.call, Unexpected(error, outcome_unknown=True), again=True)

    async def call_failed(self, call: Call, error: MusterError, *, again: bool) -> None:
        """Unknown outcome: the same call again later, at last given up; certainly not carried out: its members again later."""
        log.warning("push.failed", outcome=type(error).__name__, reason=str(error), count=len(call.members))
        async with self._database.locked([call.company_id]) as tx:
            unknown = core.leaves_unknown(error, again=again)
            patient = isinstance(error, RateLimited) and call.age_seconds < PATIENCE_SECONDS
            last = call.attempts >= self._settings.send_attempts and not patient
            state = ("given_up" if last else "unknown") if unknown else "refused"
            pause = backoff_seconds(
                call.attempts, first=self._settings.retry_seconds, most=core.LONGEST_PAUSE_SECONDS
            )
            if isinstance(error, RateLimited):
                pause = max(pause, error.retry_after)
            received = {calls.WHOLE: error.received} if error.received else calls.NO_ANSWERS
            ended = [(call, state, received)]
            if not await calls.close_calls(tx, call.company_id, ended, again_seconds=pause):
                raise LeaseLostError
            if unknown and not last:
                return
            pushes = await calls.members(tx, call)
            pushes += await calls.waiting_for(tx, call.company_id, [call])
            if unknown:
                gone = Rejected("outcome_unknown")
                gone.received = error.received
                await self._recorder.record(tx, call.company_id, [Outcome(i, error=gone) for i in pushes])
            else:
                await self._recorder.retry_or_fail(tx, call.company_id, pushes, error)


def _prepared(call: Call) -> PreparedCall:
    return PreparedCall(
        str(call.call_id),
        call.method,
        call.path,
        call.body,
        call.headers,
        [str(member) for member in call.members],
    )
