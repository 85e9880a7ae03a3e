"""Alerts and dashboards: as code, tested, and complete for the metrics there are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.telemetry.metrics import REGISTRY
from tests.support.dashboards import files
from tests.support.prometheus import program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy/prometheus"
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "muster.rules.yml").read_text())["groups"][0]["rules"]
METRICS = {
    f"{family.name}{suffix}"
    for family in REGISTRY.collect()
    for suffix in {
        "counter": ["_total"],
        "histogram": ["_bucket", "_count", "_sum"],
    }.get(family.type, [""])
}  # fmt: skip


def named(expression: str) -> set[str]:
    """The metrics of ours that an expression reads."""
    return set(re.findall(r"\bmuster_\w+", expression))


def expressions() -> list[str]:
    """Every query of every panel."""
    boards = [json.loads(text) for text in files().values()]
    return [t["expr"] for board in boards for panel in board["panels"] for t in panel["targets"]]


def test_the_dashboards_are_those_that_are_generated() -> None:
    stale = [file.name for file, text in files().items() if not file.exists() or file.read_text() != text]
    assert stale == [], "python -m tests.support.dashboards"


def test_alerts_and_panels_read_metrics_that_there_are() -> None:
    read = set().union(*(named(e) for e in [*expressions(), *(rule["expr"] for rule in RULES)]))
    assert read - METRICS == set()


def test_every_metric_has_a_panel_or_an_alert() -> None:
    read = " ".join([*expressions(), *(rule["expr"] for rule in RULES)])
    assert [family.name for family in REGISTRY.collect() if family.name not in read] == []


def test_every_alert_has_a_page_that_says_what_to_do() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    headings = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    assert headings == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_every_alert_has_a_test() -> None:
    tests = yaml.safe_load((DEPLOY / "muster.test.yml").read_text())["tests"]
    assert [test["name"] for test in tests] == [rule["alert"] for rule in RULES]
    for test in tests:
        fires = [bool(one.get("exp_alerts")) for one in test["alert_rule_test"]]
        assert fires == [False, True, False], test["name"]


@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "muster.rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "muster.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [program("promtool"), *command], cwd=DEPLOY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_an_alert_that_never_fires(tmp_path: Path) -> None:
    """The negative control."""
    rules = (DEPLOY / "muster.rules.yml").read_text()
    (tmp_path / "muster.rules.yml").write_text(rules.replace("== 0", "== 7"))
    (tmp_path / "muster.test.yml").write_text((DEPLOY / "muster.test.yml").read_text())
    done = subprocess.run(
        [program("promtool"), "test", "rules", "muster.test.yml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
