"""Log lines: one that cannot be written costs the line, and what libraries write of an error holds no value of it."""

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

VALUE = "1980-01-01"
SERVICE = f"""
import asyncio, logging, httpx
from fastapi import APIRouter
from faststream.kafka import KafkaRouter
from shared.http.app import Parts, make_http
from shared.telemetry import logs
from tests.support.http import served

routes = APIRouter()

@routes.get("/bug")
async def bug():
    raise ValueError("{VALUE}")

async def main():
    logs.set_up("test")
    async with served(make_http("test", Parts(KafkaRouter(), routes=[routes]))) as address:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(address + "/bug")
            assert answer.status_code == 500 and "{VALUE}" not in answer.text, answer.text
    try:
        int("{VALUE}")
    except ValueError:
        logging.getLogger("library").error("born %s", "{VALUE}", exc_info=True, stack_info=True)

asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_process_goes_on_when_its_log_is_on_a_full_disk() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.stderr.decode().startswith("went on")


def test_an_error_in_a_route_is_named_with_its_place_and_without_its_text() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVICE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert VALUE not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    at = lines.index("ERROR uvicorn.error")
    assert lines[at + 1].startswith("ValueError @ bug:"), "the control: uvicorn did log it"
    assert lines[lines.index("ERROR library") + 1].startswith("ValueError @ main:")
