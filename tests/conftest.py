"""What holds for every test: its folder is its marker, and the developer's own settings do not reach it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.broker import broker, kafka
from tests.support.postgres import addresses, postgres

__all__ = ["addresses", "broker", "kafka", "postgres"]
HERE = Path(__file__).parent
KINDS = ("unit", "property", "contract", "integration", "e2e", "long")
"""In the order in which they run: the stacks of `e2e` stay up to the end, and must not take the others' time."""


settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(
    "repeatable"
)  # the same examples for everybody; `--hypothesis-profile=default` tries others


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the first folder below tests/, so that `-m "unit or contract"` works; the quick kinds go first.

    With several processes they go last, where they fill what is left. What is long runs only when its folder is named.
    """
    for item in items:
        kind = item.path.relative_to(HERE).parts[0]
        item.add_marker(kind)
        if kind == "long":
            item.add_marker(pytest.mark.timeout(0))
    if not any("tests/long" in argument for argument in config.args):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    items.sort(
        key=lambda item: KINDS.index(item.path.relative_to(HERE).parts[0]),
        reverse="PYTEST_XDIST_WORKER" in os.environ,
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several processes (`make test`) take the files in the order above."""
    from tests.support.workers import ByServers  # noqa: PLC0415  (pytest runs without xdist too)

    config.option.loadscopereorder = False
    return ByServers(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("MUSTER_")]:
            patch.delenv(name)
        yield
