"""What other settings would do to records, compared with those that stand."""

from __future__ import annotations

from typing import Any

import pytest

from services.syncer.core import trial
from shared.contracts.rule_views import Effect
from shared.domain.mapping import FieldMapping, Mode
from shared.domain.settings import CompanySettings, Route, Rules
from shared.domain.values import Situation
from tests.unit.syncer.test_core import DESTINATION, LINARC, NOW, QBO, SOURCE, settings, snapshot, state


def under(**rules: Any) -> CompanySettings:
    return settings().model_copy(
        update={"route": Route(source=LINARC, destination=QBO, rules=Rules(**rules))}
    )


def linked(here: dict[str, Any], there: dict[str, Any], **more: Any) -> Any:
    return state(
        source=snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", active=True, **here),
        destination=snapshot(DESTINATION, QBO, first_name="Ana", last_name="Li", active=True, **there),
        situation=Situation.LINKED,
        destination_record_id=DESTINATION,
        **more,
    )


def test_the_same_rules_change_nothing() -> None:
    for one in (state(), linked({"title": "Foreman"}, {"title": None})):
        assert trial.tried(one, settings()).effect is Effect.UNCHANGED


def test_creation_switched_off_blocks_and_switched_on_creates() -> None:
    off = trial.tried(state(), under(create_missing=False))
    assert (off.effect, off.reason, off.name) == (Effect.BLOCKED, "creation_off", "Ana Li")
    on = trial.tried(state(settings=under(create_missing=False)), settings())
    assert on.effect is Effect.CREATED
    assert on.fields["first_name"] == {"before": None, "after": "Ana"}


def test_another_origin_of_a_field_is_an_update_of_that_field_alone() -> None:
    mapping = (FieldMapping(destination="number", constant="X-1"),)
    one = trial.tried(linked({"number": "1"}, {"number": "1"}), under(mapping=mapping))
    assert one.effect is Effect.UPDATED
    assert one.fields == {"number": {"before": "1", "after": "X-1"}}


def test_a_value_that_would_be_emptied_is_named_as_lost() -> None:
    kept = under(mapping=(FieldMapping(destination="mobile", source="phone", may_clear=False),))
    cleared = under(mapping=(FieldMapping(destination="mobile", source="phone"),))
    there = snapshot(DESTINATION, QBO, mobile="1").employee
    one = linked({"phone": None}, {"mobile": "1"}, settings=kept, sent=there, answered=there, synced_at=NOW)
    found = trial.tried(one, cleared)
    assert (found.effect, found.fields) == (Effect.CLEARED, {"mobile": {"before": "1", "after": None}})


def test_a_field_that_is_not_sent_any_more_leaves_nothing_to_do() -> None:
    never = under(mapping=(FieldMapping(destination="number", mode=Mode.NEVER),))
    assert trial.tried(linked({"number": "2"}, {"number": "1"}), never).effect is Effect.SETTLED


def test_how_the_last_attempt_ended_plays_no_part() -> None:
    failed = state()._replace(failure=None, reason="refused")
    assert trial.tried(failed, settings()).effect is Effect.UNCHANGED


def test_turned_round_the_other_side_would_be_written() -> None:
    turned = settings().model_copy(update={"route": Route(source=QBO, destination=LINARC)})
    one = trial.turned(linked({"title": "Foreman", "number": "1"}, {"number": "2"}), turned)
    assert one is not None
    assert (one.record_id, one.effect) == (DESTINATION, Effect.UPDATED)
    assert one.fields["number"] == {"before": "1", "after": "2"}
    assert trial.turned(state(), turned) is None
    assert trial.alone(snapshot(DESTINATION, QBO, last_name="Oxley"), turned).effect is Effect.CREATED


@pytest.mark.parametrize("sample", [{"title": "Foreman"}, {}])
def test_a_sample_shows_what_would_be_sent(sample: dict[str, Any]) -> None:
    mapping = (FieldMapping(destination="number", template="{last_name}-{first_name}"),)
    here, sent = trial.sample_of(
        snapshot(SOURCE, LINARC, first_name="Ana", last_name="Li", **sample), under(mapping=mapping), state()
    )
    assert here == {"first_name": "Ana", "last_name": "Li", **sample}
    assert sent["number"] == "Li-Ana"
