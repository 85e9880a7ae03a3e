"""Every metric and every log action is in its registry, is used, and names nothing that could be personal."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.telemetry import metrics
from shared.telemetry.logs import ACTIONS, ALLOWED

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in ("services", "shared"):
        for file in (ROOT / package).rglob("*.py"):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text())


def lines(tree: ast.Module) -> Iterator[tuple[object, set[str | None]]]:
    """Each call of the log: its action, and the names of its fields."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if (
            isinstance(node, ast.Call)
            and isinstance(called, ast.Attribute)
            and called.attr in LEVELS
            and isinstance(called.value, ast.Name)
            and called.value.id in ("log", "logger")
        ):
            first = node.args[0] if node.args else None
            action = first.value if isinstance(first, ast.Constant) else None
            yield action, {keyword.arg for keyword in node.keywords}


def unregistered(tree: ast.Module) -> list[object]:
    """Actions that no registry knows, and fields that would be dropped."""
    return [
        action if action not in ACTIONS else sorted(str(f) for f in fields - ALLOWED)
        for action, fields in lines(tree)
        if action not in ACTIONS or fields - ALLOWED
    ]


def test_every_log_action_and_field_is_registered() -> None:
    assert {file: bad for file, tree in sources() if (bad := unregistered(tree))} == {}


def test_every_registered_action_is_used() -> None:
    used = {action for _, tree in sources() for action, _ in lines(tree)}
    assert set(ACTIONS) - used == set()


def test_an_action_or_field_outside_the_registry_is_found() -> None:
    """The negative control."""
    assert unregistered(ast.parse('log.info("person.hired", count=1)')) == ["person.hired"]
    assert unregistered(ast.parse('log.info("service.start", surname="x")')) == [["surname"]]
    assert unregistered(ast.parse("log.error(f'{name} failed')")) == [None]


def test_metrics_are_made_in_their_registry_only() -> None:
    makers = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
    for file, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client":
                assert file.startswith("shared/telemetry/") or not makers & {a.name for a in node.names}, file


def test_every_metric_is_registered_documented_and_used() -> None:
    """Its name starts with ours and says its unit; somewhere outside the registry it is set."""
    mine = {name: found for name, found in vars(metrics).items() if name.isupper() and name != "REGISTRY"}
    used = {
        node.id if isinstance(node, ast.Name) else node.attr
        for file, tree in sources()
        if file != "shared/telemetry/metrics.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }
    families = {family.name: family for family in metrics.REGISTRY.collect()}
    assert mine
    for name, metric in mine.items():
        family = families[metric._name]
        assert family.name.startswith("muster_") and family.documentation, name
        assert name in used, f"{name} is registered and nobody sets it"
    assert len(families) == len(mine)


def test_lag_and_age_are_there() -> None:
    """What the alarms hang on."""
    names = {family.name for family in metrics.REGISTRY.collect()}
    assert {
        "muster_consumer_lag_messages",
        "muster_message_age_seconds",
        "muster_relay_oldest_seconds",
        "muster_dead_lettered_messages",
    } <= names
