"""Rules as a file: what is written reads back, and what cannot be read says why."""

from __future__ import annotations

import pytest
import yaml

from services.gateway.core.rules_file import read, written
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
    ],
)
def test_what_cannot_be_read_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(text, settings())


def test_a_system_that_is_not_connected_here_is_named() -> None:
    without = settings().model_copy(update={"accounts": ()})
    with pytest.raises(ValueError, match="Linarc is not connected here"):
        read(written(settings()), without)
