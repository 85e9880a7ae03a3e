"""gateway serves the console's files, and says what to do where there are none."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from services.gateway.console import POLICY, Console

PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Muster</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-abc.js").write_text("let a = 1;" * 500)
    (tmp_path / ".stamp").write_text("secret")
    return tmp_path


def client(folder: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Console(folder))
    return httpx.AsyncClient(transport=transport, base_url="http://console")


@pytest.mark.parametrize("path", ["/", "/c/1/employees?status=failed", "/sign-in"])
async def test_the_page_answers_at_every_address_that_a_person_may_open(built: Path, path: str) -> None:
    async with client(built) as http:
        answer = await http.get(path, headers=PAGE)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY


async def test_hashed_files_are_kept_for_ever_and_come_compressed(built: Path) -> None:
    async with client(built) as http:
        packed = await http.get("/assets/index-abc.js")
        plain = await http.get("/assets/index-abc.js", headers={"Accept-Encoding": "identity"})

    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 200
    assert "content-encoding" not in plain.headers
    assert plain.text == packed.text


@pytest.mark.parametrize(
    ("taken", "given"),
    [("gzip, deflate, br, zstd", "br"), ("gzip;q=1.0, br;q=0.5", "br"), ("gzip", "gzip"), ("abr", None)],
)
async def test_what_the_build_made_smaller_comes_to_those_who_take_it(
    built: Path, taken: str, given: str | None
) -> None:
    (built / "icon.svg.br").write_bytes(b"smaller")
    async with (
        client(built) as http,
        http.stream("GET", "/icon.svg", headers={"Accept-Encoding": taken}) as answer,
    ):
        body = b"".join([part async for part in answer.aiter_raw()])
        aside = await http.get("/icon.svg.br")

    assert answer.headers.get("content-encoding") == given
    assert (body == b"smaller") == (given == "br")
    assert (answer.headers["content-type"], answer.headers["vary"]) == ("image/svg+xml", "Accept-Encoding")
    assert aside.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/nothing", PAGE),
        ("GET", "/assets/gone.js", {}),
        ("GET", "/.stamp", {}),
        ("GET", "/../app.py", {}),
        ("GET", "/favicon.ico", {"Accept": "image/*"}),
        ("POST", "/", PAGE),
    ],
)
async def test_what_is_not_there_is_a_problem_not_the_page(
    built: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    async with client(built) as http:
        answer = await http.request(method, path, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_without_a_build_the_page_says_what_to_do(tmp_path: Path) -> None:
    async with client(tmp_path / "static") as http:
        answer = await http.get("/", headers=PAGE)

    assert answer.status_code == 200
    assert "make setup" in answer.text
