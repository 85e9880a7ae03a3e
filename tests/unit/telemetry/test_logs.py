"""A log line that cannot be written costs the line, never what is being logged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from shared.telemetry import logs
logs.set_up("history")
for _ in range(2000):
    logs.log.warning("relay.pause", outcome="x" * 100)
sys.stderr.write("went on")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_process_goes_on_when_its_log_is_on_a_full_disk() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.stderr.decode().startswith("went on")
