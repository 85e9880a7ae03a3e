"""What holds for every test: its folder is its marker, and the developer's own settings do not reach it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.broker import broker, cluster, kafka
from tests.support.postgres import addresses, postgres

__all__ = ["addresses", "broker", "cluster", "kafka", "postgres"]
HERE = Path(__file__).parent
KINDS = ("unit", "property", "contract", "integration", "e2e")
"""The stacks of `e2e` stay up to the end: they must not take the others' time."""


settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(
    "repeatable"
)  # the same examples for everybody; `--hypothesis-profile=default` tries others


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the first folder below tests/, so that `-m "unit or contract"` works; the quick kinds go first."""
    for item in items:
        kind = item.path.relative_to(HERE).parts[0]
        item.add_marker(kind)
    items.sort(key=lambda item: KINDS.index(item.path.relative_to(HERE).parts[0]))


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("MUSTER_")]:
            patch.delenv(name)
        yield
