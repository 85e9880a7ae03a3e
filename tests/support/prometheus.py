"""A real Prometheus, and promtool: Debian's package, unpacked without installing anything where they are not on PATH."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import httpx
import yaml

from muster.ports import free_port
from tests.support.eventually import eventually

UNPACKED = Path(sys.prefix) / "prometheus"
RULES = Path(__file__).parents[2] / "deploy/prometheus/muster.rules.yml"


class NoPrometheusError(Exception):
    """There is none, and none could be fetched."""


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`."""
    UNPACKED.mkdir(exist_ok=True)
    with (UNPACKED / "lock").open("w") as lock:
        flock(lock, LOCK_EX)  # the tests run in several processes
        found = shutil.which(name) or shutil.which(name, path=str(UNPACKED / "usr/bin"))
        if found:
            return found
        fetched = _unpack() or (os.geteuid() == 0 and _run("apt-get", "update", "-qq") and _unpack())
    if not fetched:
        msg = f"No {name} is on PATH, and Debian's package `prometheus` could not be fetched. Install Prometheus 2.42 or newer."
        raise NoPrometheusError(msg)
    return str(UNPACKED / "usr/bin" / name)


def _unpack() -> bool:
    return _run("apt-get", "download", "-qq", "prometheus") and all(
        _run("dpkg", "-x", str(package), str(UNPACKED)) for package in UNPACKED.glob("prometheus_*.deb")
    )


def _run(*command: str) -> bool:
    with suppress(FileNotFoundError):
        done = subprocess.run(
            command, cwd=UNPACKED, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        return not done.returncode
    return False


class Prometheus:
    """One that scrapes."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=10, trust_env=False)

    async def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer, which must be a success."""
        answer = (await self._client.get(path, params=parameters)).json()
        assert answer["status"] == "success", (path, parameters, answer)
        return answer["data"]

    async def query(self, expression: str) -> list[Any]:
        """The series of an instant query."""
        found: list[Any] = (await self.get("/query", query=expression))["result"]
        return found

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        found = (await self.get("/alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}


@asynccontextmanager
async def scraping(
    folder: Path, targets: Mapping[str, str], rules: str | None = None
) -> AsyncIterator[Prometheus]:
    """Prometheus on what `targets` name (service → URL), once a second, with our alerts or `rules` in their place."""
    (folder / "rules.yml").write_text(rules or RULES.read_text())
    static = [
        {"targets": [url.removeprefix("http://")], "labels": {"service": service}}
        for service, url in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "muster", "static_configs": static}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    found = Prometheus(f"http://{address}")
    try:
        await eventually(lambda: _scraped(found, len(targets)), within=60)
        yield found
    finally:
        await found.close()
        process.terminate()
        await process.wait()


async def _scraped(found: Prometheus, targets: int) -> bool:
    with suppress(httpx.HTTPError, ValueError):  # not ready yet
        return len(await found.query('up{job="muster"} == 1')) == targets
    return False
