"""Which failures are tried again by themselves, when, and what ends that."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from services.syncer import core
from services.syncer.core import Push, PushState, RecordState, SyncStatus
from services.syncer.settings import Settings
from shared.contracts.commands import Selected
from shared.domain.values import Lane, Status
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable, Unexpected
from tests.unit.syncer.test_core import LINARC, NOW, SOURCE, planned, settings, snapshot, state

FIRST = Settings.model_fields["retry_seconds"].default
QUICK = Settings.model_fields["send_attempts"].default
MOST = Settings.model_fields["retry_attempts"].default
LATER = NOW + timedelta(minutes=1)


def waiting(before: RecordState, **more: object) -> RecordState:
    """The record while its push waits to be retried."""
    push = planned(before)._replace(attempts=QUICK, **more)
    return core.retrying(before._replace(push=push), push, "unavailable", None, LATER)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unavailable("x"), True),
        (Unavailable("x", outcome_unknown=True), True),
        (RateLimited("x", retry_after=1), True),
        (Conflict("x"), True),
        (Unauthorized("x"), True),
        (Unexpected(ValueError("a bug")), False),
        (Rejected("duplicate_name"), False),
        (None, False),
    ],
)
def test_only_what_may_pass_by_itself_is_retried(error: MusterError | None, expected: bool) -> None:
    push = planned(state())
    assert expected == core.retries(state(push=push), push, error, MOST)


def test_the_tries_are_bounded_and_a_push_that_is_over_is_not_retried() -> None:
    push = planned(state())
    last = push._replace(attempts=MOST - 1)
    assert not core.retries(state(push=last), last, Unavailable("x"), MOST)
    assert not core.retries(state(), push, Unavailable("x"), MOST)


def test_retries_go_on_for_more_than_an_hour_with_pauses_of_at_most_ten_minutes() -> None:
    pauses = [
        core.retry_seconds(FIRST, QUICK, planned(state())._replace(attempts=n), Unavailable("x"))
        for n in range(QUICK - 1, MOST - 1)
    ]
    assert pauses == sorted(pauses)
    assert (FIRST * 2**QUICK, 600) == (pauses[0], pauses[-1])
    assert 3600 < sum(pauses) < 7200


def test_a_push_is_not_retried_before_the_system_allows_it() -> None:
    error = RateLimited("x", retry_after=900)
    assert 900 == core.retry_seconds(FIRST, QUICK, planned(state()), error)


def test_it_is_failed_with_the_next_try_and_can_be_pushed_by_hand() -> None:
    after = waiting(state())
    decided = core.decide(after, lane=Lane.BULK)

    assert decided.sync_status == SyncStatus(Status.FAILED, "unavailable", None, LATER)
    assert decided.ended is None
    assert decided.moved()
    shown = after._replace(status=Status.FAILED, reason="unavailable", retry_at=LATER)
    assert not core.decide(shown, lane=Lane.BULK).moved()
    assert after.source is not None
    chosen = Selected(SOURCE, after.source.rev, Status.FAILED)
    assert None is core.skipped(shown, chosen, single=False)
    assert shown.push is not None
    sending = shown._replace(push=shown.push._replace(state=PushState.SENDING))
    assert "already_running" == core.skipped(sending, chosen, single=True)
    assert SyncStatus(Status.FAILED, "unavailable", None, LATER) == core.sync_status(sending, sending.push)


def test_what_failed_with_an_unknown_outcome_goes_in_a_call_of_its_own() -> None:
    push = planned(state())
    after = core.retrying(state(push=push), push, "outcome_unknown", None, LATER)
    assert after.push is not None
    assert after.push.isolated


def _edited(before: RecordState) -> RecordState:
    source = snapshot(SOURCE, LINARC, rev=9, first_name="Anne", last_name="Li", active=True)
    return before._replace(source=source, link_source_rev=9)


def _unreadable(before: RecordState) -> RecordState:
    assert before.source is not None
    return before._replace(source=before.source._replace(state="unreadable", rev=9))


def _disconnected(before: RecordState) -> RecordState:
    off = [a.model_copy(update={"connected": False}) for a in settings().accounts]
    return before._replace(settings=settings().model_copy(update={"accounts": tuple(off)}))


def _same(before: RecordState) -> RecordState:
    """A newer link that changes nothing."""
    return before._replace(link_rev=before.link_rev + 1)


@pytest.mark.parametrize(
    ("move", "more", "ended"),
    [
        (_edited, {}, "replaced"),
        (_edited, {"automatic": True}, None),
        (_unreadable, {}, "replaced"),
        (_disconnected, {}, "cancelled"),
        (_same, {}, None),
    ],
)
def test_what_moved_ends_the_retry_unless_the_plan_still_holds_or_nobody_approved_it(
    move: object, more: Mapping[str, object], ended: str | None
) -> None:
    assert callable(move)
    decided = core.decide(move(waiting(state(), **more)), lane=Lane.BULK)
    assert ended == (decided.ended.outcome if decided.ended else None)
    assert (LATER if ended is None else None) == decided.sync_status.retry_at
    assert isinstance(decided.state.push, Push)
