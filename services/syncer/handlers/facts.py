"""What the other services know: snapshots of either side and mapper's results. All are stored, then what they move is decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.syncer import core, deciding
from services.syncer.core import Failure, Push, PushOutcome, RecordState, Snapshot, StoredSnapshot
from services.syncer.deciding.handover import Claimed
from services.syncer.handlers.asking import asked_for
from services.syncer.store import directories, record_states, snapshots
from shared.contracts.events import SITUATIONS, Body, DirectoryMatched, MatchFailed, Message, RecordLinked
from shared.db.companies import load_settings
from shared.db.handover import Handover
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings
from shared.domain.values import Cause
from shared.messaging.outbox import Outbox

AUTOMATIC = (Cause.HOOK, Cause.SWEEP)


class _Settings:
    """The settings of a transaction's companies, loaded when they are first asked for: an echo needs none."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._known: Mapping[UUID, CompanySettings] | None = None

    async def get(self) -> Mapping[UUID, CompanySettings]:
        """By company."""
        if self._known is None:
            self._known = await load_settings(self._tx, self._tx.companies)
        return self._known


@dataclass(frozen=True, slots=True)
class Facts:
    """Stores what is told, under the companies' locks, and decides what it moves."""

    outbox: Outbox
    senders: Handover[Claimed]

    async def on_facts(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Store all of it, then decide each record that it concerns once."""
        settings = _Settings(tx)
        moved = await self._save_employees(tx, events, settings)
        matched, asked = await self._save_links(tx, events, settings)
        if records := [*moved, *matched]:
            await self.decide(tx, records, await settings.get(), events, asked)

    async def _save_employees(
        self, tx: Tx, events: Sequence[Message[Any]], settings: _Settings
    ) -> list[UUID]:
        """Keep the newer snapshots; the source records whose status they may move."""
        received = [e for e in events if type(e.body) in core.SNAPSHOT_EVENTS]
        if not received:
            return []
        before = await snapshots.load_snapshots(tx, [e.body.record_id for e in received])
        known = dict(before)
        newest: dict[UUID, tuple[Message[Any], Snapshot]] = {}
        for event in received:
            snapshot = core.snapshot_of(event.body)
            if core.replaces(known.get(snapshot.record_id), snapshot):
                known[snapshot.record_id] = core.stored(snapshot)
                newest[snapshot.record_id] = (event, snapshot)
        if not newest:
            return []
        sources, destinations = [], []
        companies = await settings.get()
        for record, (event, snapshot) in newest.items():
            document = companies.get(event.company_id)
            if document is None or document.route is None or snapshot.account_id == document.route.source:
                automatic = snapshot.rev if getattr(event.body, "cause", None) in AUTOMATIC else None
                sources.append((event.company_id, record, automatic))
            elif not core.same(before.get(record), known[record]):  # else our own write comes back
                destinations.append(record)
        new = await snapshots.save_snapshots(
            tx, [(e.company_id, f, known[r].employee) for r, (e, f) in newest.items()], sources
        )
        records = await record_states.sources_of(tx, destinations)
        records += await snapshots.sources_named(
            tx,
            [source.account_id for document in companies.values() if (source := document.source())],
            _moved_names([(before.get(r), newest[r][1]) for r in destinations]),
        )
        records += [  # a new one that nobody pushes stands as its row was made: its match is not known yet
            record
            for _, record, automatic in sources
            if automatic is not None or record not in new or newest[record][1].state != "present"
        ]
        return records

    async def _save_links(
        self, tx: Tx, events: Sequence[Message[Any]], settings: _Settings
    ) -> tuple[list[UUID], dict[UUID, Push]]:
        """Keep mapper's results, and which directories are matched completely; the records to decide, and those to push."""
        matched = [e for e in events if type(e.body) is DirectoryMatched]
        whole = await directories.save_completion_markers(tx, [e for e in matched if e.body.parts])
        if whole:
            await record_states.mark_due(tx, whole, everything=False)
        if moved := whole | await directories.extend_marks(tx, [e for e in matched if not e.body.parts]):
            await directories.wake_creations(tx, moved)
        newest: dict[UUID, Message[Any]] = {}
        for event in events:
            if type(event.body) in SITUATIONS:
                known = newest.get(event.body.record_id)
                if known is None or known.body.link_rev < event.body.link_rev:
                    newest[event.body.record_id] = event
        linked = {r: e for r, e in newest.items() if type(e.body) is RecordLinked}
        same = await record_states.save_match_results(tx, [core.match_result_of(e) for e in newest.values()])
        moved_links = [
            (e.company_id, r, e.body.destination_record_id) for r, e in linked.items() if r not in same
        ]
        released = await record_states.release_created(tx, moved_links)
        failed = [e for e in events if type(e.body) is MatchFailed]
        for event in failed:
            await self.fail(tx, event, await settings.get(), event.body.reason)
        asked = {
            r: asked_for(e, await settings.get(), str(e.id))
            for r, e in newest.items()
            if getattr(e.body, "then_push", False)
        }
        records = [*(newest.keys() - (same - asked.keys())), *released, *(e.body.record_id for e in failed)]
        return records, {r: i for r, i in asked.items() if i}

    async def fail(
        self, tx: Tx, event: Message[Any], settings: Mapping[UUID, CompanySettings], reason: str
    ) -> list[UUID]:
        """Keep that this message's source record could not be handled, known or not; of a destination's, those it is of."""
        body, company = event.body, event.company_id
        document = settings.get(company)
        account = getattr(body, "account_id", None)
        if document and document.route and account == document.route.destination:
            records = await record_states.sources_of(tx, [body.record_id])
        else:
            records = [body.record_id]
            await snapshots.save_snapshots(tx, [], [(company, body.record_id, None)])
        states = await record_states.load_states(tx, records, settings)
        # What mapper could not match stays so once it is known; what is handled after all, lifts its own failure.
        unknown = (getattr(body, "source_rev", 0), document.version if document else 0)
        failures = [
            Failure(reason, None, basis.source_rev, basis.link_rev, basis.settings_version)
            if (basis := state.basis())
            else Failure(reason, None, unknown[0], state.link_rev, unknown[1])
            for state in states.values()
        ]
        await record_states.save_failures(
            tx, [(company, r, failure) for r, failure in zip(states, failures, strict=True)]
        )
        return records

    async def decide(
        self,
        tx: Tx,
        records: Iterable[UUID],
        settings: Mapping[UUID, CompanySettings],
        events: Sequence[Message[Body]],
        asked: Mapping[UUID, Push] | None = None,
    ) -> None:
        """Decide these records, each once; `asked` are to be pushed."""
        causes: dict[UUID, Message[Body]] = {}
        by_company: dict[UUID, Message[Body]] = {}
        for event in events:
            causes[getattr(event.body, "record_id", event.company_id)] = event
            by_company[event.company_id] = event

        def cause(state: RecordState) -> Message[Body]:
            return causes.get(state.record_id) or by_company[state.company_id]

        states = await record_states.load_states(tx, records, settings)
        for record in (asked or {}).keys() & states.keys():
            state = states[record]
            states |= await deciding.end_retries(tx, state.company_id, {record: state}, PushOutcome.REPLACED)
        decisions = [
            core.decide(state, (asked or {}).get(state.record_id), lane=cause(state).lane)
            for state in states.values()
        ]
        await deciding.save(tx, self.outbox, decisions, cause, senders=self.senders)


def _moved_names(changes: Sequence[tuple[StoredSnapshot | None, Snapshot]]) -> set[str]:
    """The display names that were given up or taken between these, in the form in which they are compared."""
    found: set[str] = set()
    for before, after in changes:
        old = orjson.loads(before.employee).get("display_name") if before else None
        new = after.employee.display_name if after.state == "present" else None
        if old != new or (before and before.state != after.state):
            found.update(core.name_form(name) for name in (old, new) if name)
    return found
