"""What the documents point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from muster.docs import documents
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


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    """Otherwise: python -m muster.docs."""
    assert path.read_text() == documents()[path]


def test_the_generated_ones_are_those_that_the_conventions_name() -> None:
    names = {str(path.relative_to(ROOT)) for path in documents()}
    assert {"docs/openapi.yaml", "docs/asyncapi/muster.yaml", ".env.example"} <= names
