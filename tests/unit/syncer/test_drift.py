"""What somebody changed at the destination: shown, left out by automatic sync, overwritten or let stand by a person."""

from typing import Any
from uuid import uuid5

import pytest

from services.syncer import core
from services.syncer.core import Push, PushState, RecordState, SyncStatus
from shared.contracts.commands import Selected
from shared.domain.employee import Employee
from shared.domain.mapping import FieldMapping
from shared.domain.values import Action, Status
from shared.errors import Unavailable
from tests.unit.syncer.test_core import (
    COMPANY,
    DESTINATION,
    LINARC,
    NOW,
    QBO,
    SOURCE,
    linked,
    settings,
    snapshot,
)

NAME = {"first_name": "Ana", "last_name": "Li", "active": True}
OURS = Employee(first_name="Ana", last_name="Li", phone="503-555-0142", email="a@b.co")
DRIFTED = SyncStatus(Status.NEEDS_ACTION, "changed_at_destination", "phone")


def edited(there: str = "503-555-0199", *, here: str = "503-555-0142", **more: Any) -> RecordState:
    """Synced with a telephone number, which somebody has changed at the destination since."""
    source = snapshot(SOURCE, LINARC, **NAME, phone=here, email=more.pop("email", "a@b.co"))
    held = snapshot(DESTINATION, QBO, **NAME, phone=there, email="a@b.co")
    return linked(source=source, destination=held, sent=OURS, answered=OURS, synced_at=NOW, **more)


def asked(*, automatic: bool = False) -> Push:
    return Push(uuid5(COMPANY, "x"), SOURCE, QBO, PushState.WAITING, automatic=automatic)


@pytest.mark.reason("changed_at_destination", "changed")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (edited(), DRIFTED),
        (edited("(503) 555-0142"), SyncStatus(Status.SYNCED)),
        (edited(here="503-555-0199"), SyncStatus(Status.SYNCED)),
        (edited(here="503-555-0177"), DRIFTED),
        (edited(email="new@b.co"), DRIFTED),
        (edited()._replace(answered=None, sent=None), SyncStatus(Status.NEEDS_SYNC, "changed")),
    ],
    ids=[
        "edited",
        "another text of the same number",
        "both alike",
        "both sides",
        "another field here",
        "never ours",
    ],
)
def test_an_edit_at_the_destination_needs_a_decision(given: RecordState, expected: SyncStatus) -> None:
    assert expected == core.sync_status(given, None)


def test_automatic_sync_leaves_the_edited_field_out_and_writes_the_others() -> None:
    both = edited(email="new@b.co", settings=settings(auto_sync=True), automatic_rev=7)

    decided = core.decide(both, lane="real_time")

    assert decided.planned
    assert decided.push is not None
    assert {"email"} == decided.push.fields.keys()
    alone = edited(settings=settings(auto_sync=True), automatic_rev=7)
    assert core.decide(alone, lane="real_time").push is None
    assert core.recheck(
        alone, asked(automatic=True)._replace(state=PushState.CLAIMED, action=Action.UPDATE)
    ).ended


def test_a_persons_own_push_overwrites_it_and_a_push_of_many_passes_it_over() -> None:
    shown = edited(status=Status.NEEDS_ACTION, reason="changed_at_destination")
    chosen = Selected(SOURCE, 7, Status.NEEDS_ACTION)

    assert core.skipped(shown, chosen, single=True) is None
    assert "needs_action" == core.skipped(shown, chosen, single=False)
    push = core.decide(shown, asked(), lane="real_time").push
    assert push is not None
    assert {"phone": {"before": "503-555-0199", "after": "503-555-0142"}} == push.fields


def test_a_difference_that_a_person_lets_stand_is_synced_until_either_side_changes_again() -> None:
    stands = core.let_stand(edited(), ["phone"])

    def after(given: RecordState) -> Status:
        return core.sync_status(given._replace(ignored=stands), None).status

    assert Status.SYNCED is after(edited())
    assert Status.NEEDS_ACTION is after(edited("503-555-0111"))
    assert Status.NEEDS_ACTION is after(edited(here="503-555-0177"))
    assert core.plan(edited(ignored=stands)) == core.Plan("no_change", {})


def test_a_write_of_unknown_outcome_is_no_edit_of_somebody_else() -> None:
    """The destination may show what that wrote."""
    before = edited("503-555-0142", here="503-555-0177")
    push = core.decide(before, asked(), lane="bulk").push
    assert push is not None
    error = Unavailable("x", outcome_unknown=True)

    left = core.ended(before._replace(push=push), push, error.reason, None)
    shown = left._replace(
        destination=edited("503-555-0177").destination, source=edited(here="503-555-0188").source
    )

    assert "changed" == core.sync_status(shown._replace(failure=None), None).reason


def test_an_overwritten_field_is_written_by_any_push_and_the_next_edit_of_it_is_drift_again() -> None:
    known = core.acknowledged(edited(), ["phone"])

    assert core.sync_status(known, None) == SyncStatus(Status.NEEDS_SYNC, "changed")
    again = known._replace(destination=edited("503-555-0111").destination)
    assert core.sync_status(again, None) == DRIFTED


@pytest.mark.parametrize(
    ("there", "mapping", "why"),
    [
        ("503-555-0199", (), None),
        ("503-555-0199", ({"destination": "phone", "constant": "503-555-0142"},), "no_single_field"),
        ("503-555-0199", ({"destination": "phone", "source": "mobile"},), None),
    ],
    ids=["the field of the same name", "a constant", "another field"],
)
def test_what_a_single_writable_field_of_the_source_feeds_can_be_adopted(
    there: str, mapping: tuple[dict[str, Any], ...], why: str | None
) -> None:
    entries = tuple(FieldMapping.model_validate(one) for one in mapping)
    state = edited(there, settings=settings(mapping=entries))
    if why is None and entries:
        source = snapshot(SOURCE, LINARC, **NAME, mobile="503-555-0142", email="a@b.co")
        state = state._replace(source=source)

    (one,) = core.drift_of(state).values()

    assert one.why_not == why
    push = core.adopting(state, asked(), ["phone"])
    written = push.fields if push else {}
    origin = entries[0].source if entries else "phone"
    change = {"before": "503-555-0142", "after": there}
    assert written == ({} if why else {origin: change})


def test_a_name_that_was_emptied_at_the_destination_is_not_adopted() -> None:
    source = snapshot(SOURCE, LINARC, **NAME)
    held = snapshot(DESTINATION, QBO, last_name="Li", first_name=None, active=True)
    state = linked(source=source, destination=held, sent=OURS, answered=OURS, synced_at=NOW)

    assert core.drift_of(state)["first_name"].why_not is core.NotAdoptable.DOES_NOT_FIT
    assert core.adopting(state, asked(), ["first_name"]) is None
