"""`muster demo-run` with more people and more deaths than each run of the tests has time for."""

from __future__ import annotations

import pytest

from tests.e2e.test_demo_run import run


@pytest.mark.parametrize("direction", ["linarc-to-qbo", "qbo-to-linarc"])
@pytest.mark.parametrize("more", [(), ("--employees", "500", "--kill-every", "2")], ids=["quiet", "killed"])
def test_the_main_job(direction: str, more: tuple[str, ...]) -> None:
    run("--direction", direction, *more)
