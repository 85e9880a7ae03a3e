"""Where Apache Kafka's jars come from: a mirror that was named, by hash; and what a person is told when they do not come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from muster.errors import JarError
from muster.kafka import fetch_jars
from muster.ports import free_port
from tests.support.command import muster

GOOD, OTHER = b"PK\x05\x06" + b"\0" * 18, b"PK\x05\x06" + b"\1" * 18
PATH = "/repository/example/tiny/tiny-jar/1.2/tiny-jar-1.2.jar"
COORDINATE = "example.tiny:tiny-jar:1.2"
WANTED = [(COORDINATE, hashlib.sha256(GOOD).hexdigest())]
FIRST = "at.yawk.lz4:lz4-java:1.11.2"
"""The first of the lock."""
WAYS_OUT = ("--kafka HOST:PORT", "MUSTER_MAVEN_REPOSITORY")


@dataclass(slots=True)
class Mirror:
    """A repository in Maven's layout; what it holds, and what it was asked for."""

    url: str = ""
    holds: dict[str, bytes] = field(default_factory=dict)
    anything: bytes | None = None
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Over HTTP, on a port that the system gives."""
    made = Mirror()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            body = made.holds.get(self.path, made.anything)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_request(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}/repository"
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was fetched before."""
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_that_is_named_is_the_one_that_is_asked(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, slash: str
) -> None:
    """Once: what was fetched stays."""
    mirror.holds[PATH] = GOOD
    monkeypatch.setenv("MUSTER_MAVEN_REPOSITORY", mirror.url + slash)
    progress: list[tuple[int, int]] = []

    (path,) = fetch_jars(lambda done, all_: progress.append((done, all_)), WANTED)

    assert path.read_bytes() == GOOD
    assert progress == [(1, 1)]
    assert mirror.asked[0] == PATH
    before = len(mirror.asked)
    assert fetch_jars(wanted=WANTED) == [path]
    assert len(mirror.asked) == before


def test_another_jar_under_the_same_name_is_refused_and_fetched_again_the_next_time(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its hash; it does not stay on the disk."""
    mirror.holds[PATH] = OTHER
    monkeypatch.setenv("MUSTER_MAVEN_REPOSITORY", mirror.url)

    with pytest.raises(JarError, match=COORDINATE):
        fetch_jars(wanted=WANTED)

    assert list(tmp_path.rglob("*.jar")) == []
    mirror.holds[PATH] = GOOD
    (path,) = fetch_jars(wanted=WANTED)
    assert path.read_bytes() == GOOD
    assert mirror.asked.count(PATH) == 2


@pytest.mark.parametrize("there", [True, False])
async def test_a_jar_that_is_nowhere_is_named_with_the_two_ways_out(
    mirror: Mirror, tmp_path: Path, there: bool
) -> None:
    """By `up`, in one line and exit code 1, whether the mirror has it not or nobody answers; nothing was started."""
    url = mirror.url if there else f"http://127.0.0.1:{free_port()}"

    done = await muster("up", "--data", str(tmp_path / "data"), MUSTER_MAVEN_REPOSITORY=url)

    assert done.code == 1
    (line,) = done.text.strip().splitlines()
    assert all(words in line for words in (FIRST, *WAYS_OUT))
    assert bool(mirror.asked) == there
    assert not (tmp_path / "data").exists()


async def test_up_says_which_jar_is_another_than_the_locked_one(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that has something else everywhere: one line and exit code 1."""
    mirror.anything = OTHER

    done = await muster("up", "--data", str(tmp_path / "data"), MUSTER_MAVEN_REPOSITORY=mirror.url)

    assert done.code == 1
    (line,) = done.text.strip().splitlines()
    assert FIRST in line and "locked" in line
    assert list(tmp_path.rglob("lz4-java*.jar")) == []


async def test_with_a_brokers_address_no_jar_is_asked_for(mirror: Mirror, tmp_path: Path) -> None:
    """The first of the two ways out."""
    where = ("--kafka", f"127.0.0.1:{free_port()}", "--data", str(tmp_path / "data"))

    done = await muster("up", *where, MUSTER_MAVEN_REPOSITORY=mirror.url)

    assert (done.code, "Apache Kafka does not answer" in done.text) == (1, True)
    assert mirror.asked == []
