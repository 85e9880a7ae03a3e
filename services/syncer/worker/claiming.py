"""Claim due pushes and compare their plans with what is known now, all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.syncer import core, deciding
from services.syncer.core import Decision, Move, Push, PushState, RecordState, Snapshot, Turn
from services.syncer.deciding.handover import Claimed
from services.syncer.store import calls, directories, moves, push_queue, record_states, snapshots
from services.syncer.store.decisions import save_pushes
from services.syncer.worker.outcomes import Outcome
from services.syncer.worker.recording import Recorder
from shared.contracts.events import DirectoryWanted
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS
from shared.db.tx import Database, Tx
from shared.domain.settings import Account, CompanySettings
from shared.domain.values import Action, Holder, Lane
from shared.errors import Rejected
from shared.messaging.outbox import Outbox, Outgoing
from shared.systems import SYSTEMS

CLAIM = 240
"""Pushes taken at once: eight of the batches that QuickBooks takes."""


class Claimer:
    """Takes the next pushes of one account."""

    def __init__(self, database: Database, outbox: Outbox, recorder: Recorder) -> None:
        self._database = database
        self._outbox = outbox
        self._recorder = recorder

    async def claim(self, company: UUID, account_id: UUID, limit: int) -> Claimed | None:
        """At most `limit`; None when nothing was due. What cannot be sent has been held, ended, or waits."""
        async with self._database.locked([company]) as tx:
            records = await push_queue.claim_pushes(tx, company, account_id, limit, LEASE_SECONDS)
            if not records:
                return None
            settings = (await load_settings(tx, [company])).get(company)
            account = settings.account(account_id) if settings else None
            states = await record_states.load_states(tx, records, {company: settings} if settings else {})
            pushes = [state.push for state in states.values() if state.push is not None]
            if settings is None or account is None or not account.connected:
                await self._recorder.record(tx, company, [Outcome(i, cancelled=True) for i in pushes], states)
                return None
            go = await self._recheck(tx, settings, account, pushes, states)
            go, turns = await self._order(tx, company, account, go, states)
            return Claimed(company, account, await self._gate(tx, company, account, go), states, turns)

    async def _recheck(
        self,
        tx: Tx,
        settings: CompanySettings,
        account: Account,
        pushes: Sequence[Push],
        states: Mapping[UUID, RecordState],
    ) -> list[Push]:
        """The claimed pushes whose plan holds, perhaps planned again; the others are held, ended, or wait."""
        company = settings.company_id
        go: list[Push] = []
        newer: list[Push] = []
        outgoing: list[Outgoing] = []
        resumed: list[tuple[UUID, UUID]] = []
        over: list[Outcome] = []
        newly: list[Push] = []
        for push in pushes:
            state = states[push.record_id]
            found = core.recheck(state, push)
            if (call_id := core.pending_create_call(state)) is not None:
                resumed.append((push.push_id, call_id))
            elif self._recorder.worn_out(push) and not push.step:
                over.append(Outcome(push, error=Rejected("internal")))
            elif found.held:
                over.append(Outcome(push, held=True))
            elif found.ended:
                over.append(Outcome(push))
            elif found.push.action is Action.CREATE and core.unchecked(state):
                newer.append(found.push._replace(state=PushState.WAITING))  # until mapper has answered
            else:
                go.append(found.push)
                if found.push is not push:
                    newer.append(found.push)
                if found.replanned:
                    newly.append(found.push)
                    outgoing.append(_planned(company, found.push))
        await calls.resume_calls(tx, company, resumed)
        await save_pushes(tx, company, newer)
        await moves.replace_moves(tx, company, SYSTEMS[account.system], newly)
        await self._recorder.record(tx, company, over, states)
        await self._outbox.append(tx, outgoing)
        return go

    async def _order(
        self,
        tx: Tx,
        company: UUID,
        account: Account,
        pushes: list[Push],
        states: Mapping[UUID, RecordState],
    ) -> tuple[list[Push], dict[UUID, Turn]]:
        """The pushes whose turn it is, and what they may write; those that take a value of an open push wait for that.

        Temporary values stand in the plan before they are written.
        """
        moving = [
            Move(i.push_id, i.record_id, *core.moving(SYSTEMS[account.system], i), i.step) for i in pushes
        ]
        taken = frozenset[str]().union(*(move.takes for move in moving))
        if not taken:
            return pushes, {}
        own = {move.push_id for move in moving}
        others = await moves.moves_towards(tx, company, account.account_id, taken)
        places = core.places([*moving, *(move for move in others if move.push_id not in own)])
        begun = [core.begun(i, places[i.push_id]) for i in pushes]
        await save_pushes(tx, company, [i for i, old in zip(begun, pushes, strict=True) if i != old])
        waiting = [
            (i._replace(state=PushState.PLANNED, waits_for=place.holder), place.until)
            for i in begun
            if (place := places[i.push_id]).turn is Turn.WAIT
        ]
        runs = await moves.wait_for_holders(tx, company, waiting)
        await self._outbox.append(tx, deciding.run_events(company, runs))
        shown = [
            states[i.record_id]._replace(push=i._replace(retry_at=until or i.retry_at))
            for i, until in waiting
        ]
        holders = await snapshots.load_whole(tx, [i.waits_for for i, _ in waiting if i.waits_for])
        decisions = [_naming(core.decide(state, lane=Lane.BULK), holders) for state in shown]
        await deciding.save(tx, self._outbox, decisions, lambda _: None)
        going = [i for i in begun if places[i.push_id].turn is not Turn.WAIT]
        announced = [i for i in going if places[i.push_id].turn is Turn.TEMPORARY]
        await self._outbox.append(tx, [_planned(company, i) for i in announced])
        return going, {i.push_id: places[i.push_id].turn for i in going}

    async def _gate(self, tx: Tx, company: UUID, account: Account, pushes: list[Push]) -> list[Push]:
        """Creations pass once the directory has been read and matched since they were claimed first, however young it was.

        One read serves all that were claimed before it began (decision 0013).
        """
        creations = [i for i in pushes if i.action is Action.CREATE]
        passing = await directories.passing(tx, company, creations) if creations else set()
        waiting = [i for i in creations if i.push_id not in passing]
        if waiting:
            await directories.wait_for_directory(tx, company, account.account_id, waiting)
            if since := await directories.want_directory(tx, company, account.account_id):
                wanted = DirectoryWanted(account_id=account.account_id, not_before=since)
                await self._outbox.append(tx, [Outgoing(wanted, company, lane=Lane.REAL_TIME)])
        return [i for i in pushes if i.action is not Action.CREATE or i.push_id in passing]


def _naming(decision: Decision, holders: Mapping[UUID, Snapshot]) -> Decision:
    """The decision about a push that waits, with whom it waits for."""
    push = decision.state.push
    person = holders.get(push.waits_for) if push and push.waits_for else None
    if person is None:
        return decision
    holder = Holder(kind="employee", name=person.employee.full_name(), number=person.employee.number)
    return decision._replace(sync_status=decision.sync_status._replace(holder=holder))


def _planned(company: UUID, push: Push) -> Outgoing:
    return Outgoing(deciding.planned(push), company, lane=push.lane, run_id=push.run_id)
