"""Thousands of made-up requests: nothing is answered that the API's documents do not name."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI

from sandbox.linarc.app import make_app
from sandbox.store import Store
from tests.support.fleet import Fleet
from tests.support.http import served

DOCS = Path(__file__).parents[2] / "docs"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = int(os.environ.get("MUSTER_TEST_EXAMPLES", "120"))
"""For each operation; gateway has about ninety."""
LEAST = 5_000
"""Requests that are tried with each document at least."""


async def fuzz(document: Path, url: str, *more: str, examples: int = EXAMPLES) -> str:
    """What Schemathesis reports of the API at `url`. Raises AssertionError where an answer is not in the document."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", str(document), "--url", url, "--checks", CHECKS,
        "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", "7", "--continue-on-failure",
        "--suppress-health-check", "all", "--no-color", *more,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    report = output.decode()
    print(report[-1500:])  # noqa: T201  (how many examples were tried)
    assert process.returncode == 0, report[-8000:]
    return report


def tried(report: str) -> int:
    """How many requests were made."""
    found = re.search(r"([\d,]+) generated", report)
    return int(found[1].replace(",", "")) if found else 0


@pytest.fixture
def linarc(tmp_path: Path) -> Iterator[FastAPI]:
    """The sandbox; it has no limits of calls unless they are set."""
    store = Store(tmp_path / "linarc.db")
    app, _ = make_app(store, {"acme": "key"})
    yield app
    store.close()


async def test_linarcs_document_names_every_answer_of_its_sandbox(linarc: FastAPI) -> None:
    async with served(linarc) as url:
        report = await fuzz(
            DOCS / "linarc-openapi.yaml", f"{url}/api/v1", "--header", "Authorization: Bearer key", examples=700
        )  # fmt: skip
    assert tried(report) >= LEAST


async def test_an_answer_that_is_not_in_the_document_is_found(linarc: FastAPI, tmp_path: Path) -> None:
    """The negative control: the document without its 404."""
    document = yaml.safe_load((DOCS / "linarc-openapi.yaml").read_text("utf-8"))
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.get("responses", {}).pop("404", None)
    changed = tmp_path / "linarc.yaml"
    changed.write_text(yaml.safe_dump(document), "utf-8")
    async with served(linarc) as url:
        with pytest.raises(AssertionError, match="404"):
            await fuzz(changed, f"{url}/api/v1", "--header", "Authorization: Bearer key")


async def test_musters_document_names_every_answer_of_its_api(fleet: Fleet) -> None:
    """As an administrator. Left out: sessions (signing out would end the run's own), the endless stream, redirects elsewhere."""
    cookie = fleet.client.session()["Cookie"]
    report = await fuzz(
        DOCS / "openapi.yaml", fleet.access.url, "--header", f"Cookie: {cookie}", "--header", "X-Muster: 1",
        "--exclude-path-regex", "/session|/stream$|/sign-in/sso",
    )  # fmt: skip
    assert tried(report) >= LEAST
