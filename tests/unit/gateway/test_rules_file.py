"""Rules as a file: what is written reads back, and what cannot be read says why."""

from __future__ import annotations

import pytest
import yaml

from services.gateway.core.rules_file import LONGEST, read, written
from shared.domain.mapping import FieldMapping
from shared.domain.plans import SafetyLimits
from shared.domain.settings import CompanySettings, Rules
from tests.support.companies import DESTINATION, SOURCE, document


def settings(**rules: object) -> CompanySettings:
    found = document(1).settings
    assert found.route
    route = found.route.model_copy(update={"rules": Rules.model_validate(rules)})
    return found.model_copy(update={"route": route})


RULES = settings(
    auto_sync=True,
    direct_sync=3,
    limits=SafetyLimits(changed=None),
    mapping=(FieldMapping(destination="title", template="{title} ({number})", may_clear=False),),
)


def test_what_is_written_reads_back_with_the_companys_accounts() -> None:
    text = written(RULES)
    assert yaml.safe_load(text)["source"] == "linarc", "a file names systems, so that it fits another company"
    found = read(text, settings())
    assert (found["source"], found["destination"], found["active"]) == (str(SOURCE), str(DESTINATION), True)
    assert RULES.route
    assert Rules.model_validate(found["rules"]) == RULES.route.rules


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "not YAML, line"),
        ("- a", "holds no rules"),
        ("source: linarc", "`destination` must be one of"),
        ("source: linarc\ndestination: linarc", "the same system"),
        ("source: [1]\ndestination: linarc", "`source` must be one of"),
        ("!!python/object/apply:os.system [ls]", "not YAML"),
        ("source: &a linarc\ndestination: *a", "each value out, line 1: anchors, aliases"),
        ("source: linarc\ndestination: *a", "each value out, line 2"),
        ("source: linarc\n<<: {active: true}", "each value out, line 2"),
        ("rules: {<<: [{active: true}]}", "each value out, line 1"),
        (f"active: {'9' * 5_000}", "not YAML"),
        ("active: 2026-02-31", "not YAML"),
        ("[" * 5_000, "nested too deeply"),
        ("#" * (LONGEST + 1), "too long"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(text, settings())


@pytest.mark.parametrize("layer", ["[{}]", "{{<<: [{}]}}"])
def test_a_bomb_is_refused_before_it_is_expanded(layer: str) -> None:
    """A billion values in nine lines, by aliases or by merged keys: it would end the process, not the test."""
    levels = [f"l{n}: &l{n} " + layer.format(", ".join([f"*l{n - 1}"] * 10)) for n in range(1, 10)]
    with pytest.raises(ValueError, match="each value out, line 1"):
        read("\n".join(["l0: &l0 {a: 1}", *levels]), settings())


def test_a_system_that_is_not_connected_here_is_named() -> None:
    without = settings().model_copy(update={"accounts": ()})
    with pytest.raises(ValueError, match="Linarc is not connected here"):
        read(written(settings()), without)
