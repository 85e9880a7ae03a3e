"""What the documents point to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from muster.docs import documents, marked_tests, reasons_page
from sandbox.faults import Action
from sandbox.quickbooks.switches import SWITCHES
from shared.contracts import commands
from shared.contracts.events import bodies
from shared.contracts.topics import TOPICS
from shared.telemetry.logs import ACTIONS
from shared.telemetry.metrics import REGISTRY

ROOT = Path(__file__).parents[2]
PAGES = sorted(p for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def dead_links(text: str, folder: Path) -> list[str]:
    """Links to files that are not there."""
    links = [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
    return [link for link in links if not (folder / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page.read_text(), page.parent) == []


def test_a_link_to_nothing_is_found() -> None:
    """The negative control."""
    text = "[a](../muster/cli.py) [b](../muster/gone.py#x) [c](https://example.org/x)"
    assert dead_links(text, ROOT / "docs") == ["../muster/gone.py"]


def test_the_flow_is_one_page_about_messages_and_topics_that_exist() -> None:
    assert commands.MAX_IDS
    text = (ROOT / "docs/flow.md").read_text()
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text))
    assert len(text.splitlines()) < 60
    main_line = text.split("\n## ")[0]
    assert (
        len(set(re.findall(r"\]\(\.\./services/[^)]+\.py|\]\(\.\./shared/messaging/[^)]+\.py", main_line)))
        == 12
    )
    assert named - {cls.__name__ for cls in bodies().values()} == set()
    topics = set(re.findall(r"`([a-z.]+\.v\d)`", text))
    assert topics - {name for topic in TOPICS for name in topic.names()} == set()
    for service in ("gateway", "importer", "mapper", "syncer", "history"):
        assert f"](../services/{service}/" in text


def test_operations_name_metrics_and_actions_that_exist() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    metrics = {family.name for family in REGISTRY.collect()}
    assert set(re.findall(r"`(muster_\w+)`", text)) - metrics == set()
    assert set(re.findall(r"`((?:relay|consume)\.\w+)`", text)) - set(ACTIONS) == set()


def missing_tests(text: str) -> list[str]:
    """The tests that the last cells of a document's rows name, file by file, and that are not there."""
    cells = [
        row.strip(" |").split(" | ")[-1]
        for row in text.splitlines()
        if row.startswith("| ") and ".py: " in row
    ]
    assert cells
    missing = []
    for path, _, names in (part.partition(": ") for cell in cells for part in cell.split("; ")):
        file = ROOT / "tests" / path
        code = file.read_text() if file.exists() else ""
        missing += [n for n in re.findall(r"`(\w+)`", names) if f"def {n}(" not in code]
    return missing


def test_each_thing_that_was_found_has_a_test_that_exists() -> None:
    text = (ROOT / "docs/found.md").read_text()
    rows = [r for r in text.splitlines() if r.startswith("| ") and r != "| found | now | tests |"]
    assert [row for row in rows if len(row.split(" | ")) != 3 or ".py: `test_" not in row] == []
    assert missing_tests(text) == []
    gone = "| a | b | contract/test_docs.py: `test_a_link_to_nothing_is_found`; unit/gone.py: `test_gone`, `test_too` |"
    assert missing_tests(gone) == ["test_gone", "test_too"]


def test_each_behaviour_of_quickbooks_has_a_test_and_a_switch_that_exist() -> None:
    text = (ROOT / "docs/quickbooks.md").read_text()
    rows = [r for r in text.splitlines() if r.startswith("| ") and not r.startswith("| behaviour")]
    assert [row for row in rows if len(row.split(" | ")) != 4 or ".py: `test_" not in row] == []
    assert missing_tests(text) == []
    switches = {s for row in rows for s in re.findall(r"`([a-z]+_[a-z_]+)`", row.split(" | ")[2])}
    assert switches - set(SWITCHES) - set(get_args(Action)) == set()
    assert missing_tests("| a | b | – | unit/gone.py: `test_gone` |") == ["test_gone"]


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    """Otherwise: python -m muster.docs."""
    assert path.read_text() == documents()[path]


def test_the_generated_ones_are_those_that_the_conventions_name() -> None:
    names = {str(path.relative_to(ROOT)) for path in documents()}
    assert {"docs/openapi.yaml", "docs/asyncapi/muster.yaml", ".env.example"} <= names


def test_a_reason_without_a_test_and_a_test_of_no_reason_are_found() -> None:
    """The negative control."""
    marked = dict(marked_tests(ROOT / "tests", "reason"))
    assert "| `duplicate_name` |" in reasons_page(marked)
    with pytest.raises(ValueError, match=r"have no test.*duplicate_name"):
        reasons_page({code: tests for code, tests in marked.items() if code != "duplicate_name"})
    with pytest.raises(ValueError, match=r"not in the catalogue.*no_such"):
        reasons_page({**marked, "no_such": [("a", "b")]})
