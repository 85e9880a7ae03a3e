"""`muster demo-run`: the main job, judged from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> None:
    """Exit code 0, or the whole output as the failure."""
    command = [sys.executable, "-m", "muster", "demo-run", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.mark.parametrize("direction", ["linarc-to-qbo", "qbo-to-linarc"])
def test_everybody_is_synced_or_says_what_a_person_must_do(direction: str) -> None:
    """250 people, both directions."""
    run("--direction", direction)


@pytest.mark.parametrize("direction", ["linarc-to-qbo", "qbo-to-linarc"])
def test_services_that_die_again_and_again_change_nothing(direction: str) -> None:
    """A random service is killed every two seconds, and the end is the same."""
    run("--direction", direction, "--employees", "500", "--kill-every", "2")
