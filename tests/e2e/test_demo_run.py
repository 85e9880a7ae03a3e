"""`muster demo-run`: the main job, judged from outside. The other halves of these pairs are in tests/long."""

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


@pytest.mark.behaviour("S3", "S7", "S36", "S50")
def test_everybody_is_synced_or_says_what_a_person_must_do() -> None:
    """250 people."""
    run("--direction", "linarc-to-qbo")


@pytest.mark.behaviour("S3", "S7", "S36", "S50")
def test_services_that_die_again_and_again_change_nothing() -> None:
    """The other way. A random service is killed every two seconds, and the end is the same."""
    run("--direction", "qbo-to-linarc", "--employees", "250", "--kill-every", "2")
