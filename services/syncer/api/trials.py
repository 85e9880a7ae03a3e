"""Trying settings out: walk the company's records, and say what would be different. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

from services.syncer.core import RecordState, trial
from services.syncer.core.trial import Tried
from services.syncer.store import record_states, trials
from shared.contracts.rule_views import Effect, Sample, Trial, TrialRecord, TrialRequest
from shared.db.companies import load_settings
from shared.db.tx import Database
from shared.domain.settings import CompanySettings
from shared.http.problems import ProblemError
from shared.systems.words import names, reason_words

MOST = 20_000
"""Records tried at once: a person waits."""
CHUNK = 500
SHOWN = 50
"""Records named of each effect."""


async def try_out(database: Database, company: UUID, asked: TrialRequest) -> Trial:
    """What `asked.settings` would do, against those that stand."""
    async with database.reading(company) as tx:
        now = (await load_settings(tx, [company])).get(company)
    if now is None or now.route is None or asked.settings.route is None:
        raise ProblemError("conflict", "Set the route first.")
    flipped = asked.settings.route.source == now.route.destination
    found: list[Tried] = []
    counts: Counter[Effect] = Counter()
    shown: Counter[Effect] = Counter()
    walk = (
        _turned(database, company, now, asked.settings)
        if flipped
        else _each(database, company, now, asked.settings)
    )
    sample: Sample | None = None
    async for state, one in walk:
        counts[one.effect] += 1
        if one.effect is not Effect.UNCHANGED and shown[one.effect] < SHOWN:
            shown[one.effect] += 1
            found.append(one)
        if state is not None and (state.record_id == asked.sample or sample is None):
            sample = _sample(state, asked.settings) or sample
        if counts.total() >= MOST:
            break
    if asked.sample is not None and (sample is None or sample.record_id != asked.sample):
        sample = await _named(database, company, now, asked) or sample
    return Trial(
        records=counts.total(),
        complete=counts.total() < MOST,
        flipped=flipped,
        counts=dict(counts),
        items=tuple(_worded(one, asked.settings) for one in found),
        sample=None if flipped else sample,
    )


Walk = AsyncIterator[tuple[RecordState | None, Tried]]


async def _each(database: Database, company: UUID, now: CompanySettings, then: CompanySettings) -> Walk:
    """The records that both systems, or the source alone, are known to hold."""
    async for state in _states(database, company, now):
        if state.source is not None and state.source.state != "removed":
            yield state, trial.tried(state, then)


async def _turned(database: Database, company: UUID, now: CompanySettings, then: CompanySettings) -> Walk:
    """The same the other way round: pairs, then those whom only the destination has."""
    async for state in _states(database, company, now):
        if one := trial.turned(state, then):
            yield None, one
    account, after = now.route.destination if now.route else company, None
    while True:
        async with database.reading(company) as tx:
            people = await trials.next_alone(tx, company, account, after, CHUNK)
        for snapshot in people:
            yield None, trial.alone(snapshot, then)
        if len(people) < CHUNK:
            return
        after = people[-1].record_id


async def _states(database: Database, company: UUID, settings: CompanySettings) -> AsyncIterator[RecordState]:
    after: UUID | None = None
    while True:
        async with database.reading(company) as tx:
            ids = await trials.next_records(tx, company, after, CHUNK)
            states = await record_states.load_states(tx, ids, {company: settings})
        for record in ids:
            yield states[record]
        if len(ids) < CHUNK:
            return
        after = ids[-1]


def _sample(state: RecordState, settings: CompanySettings) -> Sample | None:
    source = state.source
    if source is None or source.state != "present":
        return None
    here, sent = trial.sample_of(source, settings, state)
    employee = source.employee
    return Sample(
        record_id=state.record_id, number=employee.number, name=employee.full_name(), source=here, sent=sent
    )


async def _named(
    database: Database, company: UUID, now: CompanySettings, asked: TrialRequest
) -> Sample | None:
    """The record that was asked for, which the walk did not come to."""
    assert asked.sample is not None
    async with database.reading(company) as tx:
        state = (await record_states.load_states(tx, [asked.sample], {company: now})).get(asked.sample)
    return _sample(state, asked.settings) if state else None


def _worded(one: Tried, settings: CompanySettings) -> TrialRecord:
    """A record with its reason in words."""
    text = reason_words(one.reason, one.field, names(settings))[0] if one.reason else ""
    return TrialRecord.model_validate(one._asdict() | {"reason_text": text})
