"""However writes end and answers are lost: the sender repeats a bounded number of times, and each record ends with its reason."""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.commands import Selected, SyncRecords
from shared.contracts.events import PushFailed
from shared.domain.settings import Rules
from shared.domain.values import Cause, Status
from tests.support.pure import COMPANY, ENDS, World

REASONS = {
    "refused": "duplicate_name",
    "unknown, made": "outcome_unknown",
    "unknown, not made": "outcome_unknown",
    "stale": "stale",
    "down": "unavailable",
    "limited": "rate_limited",
}
MOST = 40
"""Claims, calls and look-ups that one push of three people may take."""


class Work:
    """A company whose people are pushed again and again."""

    def __init__(self, ends: list[str], *, findable: bool, lost: list[bool]) -> None:
        self.world = World("linarc", rules=Rules())
        self.lost = iter(lost)
        self.ends = {f"Ann{n}": end for n, end in enumerate(ends)}
        for n, name in enumerate(self.ends):
            number = {"number": str(n)} if findable else {}
            self.world.source.hire({"first_name": name, "last_name": name, "active": True, **number})
        self.world.destination.ends = self.ends
        for side, cause in ((self.world.source, Cause.IMPORT), (self.world.destination, Cause.READ)):
            self.world.read(side, cause)
        self.arrive()

    def arrive(self) -> None:
        while self.world.readings:
            self.world.importer.stage(self.world.readings.pop(0))
        while waiting := self.world.waiting():
            for key in waiting:
                self.world.deliver(key, 100)
            self.world.mapper.sweep()
            self.world.syncer.sweep()

    def push(self, records: list[UUID]) -> None:
        """A person selects them, as they stand."""
        states = [self.world.syncer.state(r) for r in records]
        chosen = tuple(Selected(c.record_id, c.source.rev, c.status) for c in states if c.source)
        run = uuid5(COMPANY, f"run {len(self.world.published)}")
        self.world.publish(SyncRecords(run_id=run, records=chosen, part=1, parts=1, total=len(chosen)))
        self.arrive()

    def rest(self) -> int:
        """Work until nothing is due; how many steps it took. At each claim the directory counts as just read."""
        syncer, steps = self.world.syncer, 0
        while steps <= MOST and (syncer.claimable() or syncer.repeatable()):
            steps += 1
            syncer.matched = self.world.now
            if syncer.claimable():
                syncer.claim(30)
            while syncer.claims:
                syncer.send(syncer.claims.pop(0), self._fate())
            while syncer.results:
                syncer.record(syncer.results.pop(0))
            for call in syncer.repeatable():
                steps += 1
                syncer.send_again(call, self._fate())
                while syncer.results:
                    syncer.record(syncer.results.pop(0))
            self.arrive()
        return steps

    def _fate(self) -> str:
        return "lost after" if next(self.lost, False) else "ok"


@settings(max_examples=400)
@given(
    ends=st.lists(st.sampled_from(sorted(ENDS)), min_size=1, max_size=3),
    findable=st.booleans(),
    lost=st.lists(st.booleans(), max_size=8),
    together=st.booleans(),
)
def test_repeats_are_bounded_and_each_record_ends_with_its_own_reason(
    ends: list[str], findable: bool, lost: list[bool], together: bool
) -> None:
    work = Work(ends, findable=findable, lost=lost)
    syncer = work.world.syncer
    records = sorted(syncer.record_states)
    for _ in range(9):  # until every answer comes
        for some in [records] if together else [[r] for r in records]:
            work.push(some)
            assert work.rest() <= MOST, "repeated without end"
        assert all(syncer.state(r).push is None for r in records), "a push never ends"

    failed = Counter(m.body.push_id for m in work.world.published if isinstance(m.body, PushFailed))
    assert all(count <= 2 for count in failed.values()), "more than its first failure and its end are said"
    made = Counter(w.values["first_name"] for w in work.world.destination.journal if w.current is None)
    assert all(count == 1 for count in made.values()), "created twice"
    for state in map(syncer.state, records):
        assert state.source is not None
        end = work.ends[str(state.source.employee.first_name)]
        settled = end == "ok" or (end == "unknown, made" and findable)
        if settled:
            assert state.status is Status.SYNCED, (end, state.status, state.reason)
        else:
            status = Status.NEEDS_ACTION if end == "refused" else Status.FAILED
            assert (state.status, state.reason) == (status, REASONS[end]), end
