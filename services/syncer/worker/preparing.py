"""Compare each claimed plan once more with the destination itself, and make the calls that carry what is left to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.syncer import core
from services.syncer.core import Push, RecordState, Turn
from services.syncer.deciding.handover import Claimed
from services.syncer.store import push_queue
from services.syncer.store.calls import Call
from services.syncer.worker.outcomes import Outcome
from shared.clock import Clock
from shared.connectors.ports import Connector, Write
from shared.db.leases import LEASE_SECONDS, renewing
from shared.db.tx import Database
from shared.domain.employee import Remote, Unread
from shared.domain.values import Action
from shared.errors import Rejected
from shared.systems import SYSTEMS


@dataclass(frozen=True, slots=True)
class Ready:
    """One push whose plan still holds over a fresh read of the record."""

    push: Push
    fields: Mapping[str, object]
    current: Remote | None


class Preparer:
    """From claimed pushes to calls."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read_afresh(self, connector: Connector, claimed: Claimed) -> tuple[list[Ready], list[Outcome]]:
        """Compare each update's `before` once more with the destination itself; meanwhile the pushes stay ours."""

        async def renew() -> bool:
            async with self._database.locked([claimed.company]) as tx:
                return await push_queue.renew(tx, claimed.company, claimed.pushes, LEASE_SECONDS)

        pushes = [i for i in claimed.pushes if i.action is not Action.CREATE]
        remote_ids = {i.push_id: _remote_id(claimed.states[i.record_id], i) for i in pushes}
        scales = SYSTEMS[claimed.account.system].scales
        requested_at = self._clock.now()
        found = await renewing(connector.read_many(list(remote_ids.values())), renew) if pushes else {}
        answered_at = self._clock.now()
        ready: list[Ready] = []
        over: list[Outcome] = []
        for push in pushes:
            current = found.get(remote_ids[push.push_id])
            if current is None or isinstance(current, Unread):
                side = "source" if push.action is Action.ADOPT else "destination"
                over.append(Outcome(push, error=Rejected(f"deleted_at_{side}")))
                continue
            turn = claimed.turns.get(push.push_id, Turn.GO)
            wanted, moved = core.remaining_changes(push, current.employee, scales, turn)
            if moved is not None and push.action is Action.ADOPT:
                over.append(Outcome(push, error=Rejected("conflict", field=moved)))
            elif moved is not None:
                over.append(
                    Outcome(push, current, moved=moved, requested_at=requested_at, answered_at=answered_at)
                )
            elif not wanted:
                over.append(Outcome(push, current, requested_at=requested_at, answered_at=answered_at))
            else:
                ready.append(Ready(push, wanted, current))
        return ready, over

    def calls(
        self, claimed: Claimed, connector: Connector, ready: Sequence[Ready]
    ) -> list[tuple[Call, Sequence[Push]]]:
        """The calls that carry these, each with its members."""
        groups = _groups(ready, connector.batch_size)
        return [(self._call(claimed, connector, group), [r.push for r in group]) for group in groups]

    def _call(self, claimed: Claimed, connector: Connector, ready: Sequence[Ready]) -> Call:
        action = Action.CREATE if ready[0].current is None else Action.UPDATE
        call_id = self._clock.new_id()
        writes = [Write(action, str(r.push.push_id), r.fields, r.current) for r in ready]
        prepared = connector.prepare(str(call_id), writes)
        return Call(
            claimed.company,
            call_id,
            claimed.account.account_id,
            action,
            prepared.method,
            prepared.path,
            prepared.headers,
            prepared.body,
            [r.push.push_id for r in ready],
        )


def _remote_id(state: RecordState, push: Push) -> str:
    """Whom an update writes to."""
    if push.action is Action.ADOPT:
        return state.source.remote_id if state.source else ""
    return state.destination_remote_id or ""


def _groups(ready: Sequence[Ready], size: int) -> list[Sequence[Ready]]:
    """The calls to make: creations and updates apart, at most `size` in one, and some isolated."""
    groups: list[Sequence[Ready]] = [[r] for r in ready if r.push.isolated]
    together = [r for r in ready if not r.push.isolated]
    creates = [r for r in together if r.current is None]
    updates = [r for r in together if r.current is not None]
    groups += [some[i : i + size] for some in (creates, updates) for i in range(0, len(some), size)]
    return groups
