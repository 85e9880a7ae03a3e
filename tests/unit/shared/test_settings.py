"""Variables with our prefix: what nothing reads is a mistake, and is said before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from muster.data_dir import DataDir
from muster.errors import StackError
from muster.stack import Options, Stack
from services.mapper.settings import Settings
from shared.settings import variables

GIVEN = {
    "MUSTER_DATABASE__DSN": "postgresql://mapper:hunter2@127.0.0.1:1/muster",
    "MUSTER_KAFKA__BOOTSTRAP": "127.0.0.1:1",
    "MUSTER_INTERNAL_TOKEN": "x",
    "MUSTER_DEAD_LETTER_KEY": "A" * 43 + "=",
}


def set_all(patch: pytest.MonkeyPatch, **more: str) -> None:
    for name, value in {**GIVEN, **more}.items():
        patch.setenv(name, value)


def test_known_variables_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, MUSTER_CHUNK="7")
    assert Settings().chunk == 7
    assert set(GIVEN) < set(variables(Settings))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MUSTER_KAFKA__BOOTSTRAPS", "MUSTER_KAFKA__BOOTSTRAP"),
        ("MUSTER_CHUNKS", "MUSTER_CHUNK"),
        ("muster_outbox_day", "MUSTER_OUTBOX_DAYS"),
        ("MUSTER_VAULT__KEY", "MUSTER_DEAD_LETTER_KEY"),
    ],
)
def test_an_unknown_one_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    set_all(monkeypatch, **{name: "hunter2"})
    with pytest.raises(ValidationError, match=f"{name} is read by nothing here") as error:
        Settings()
    assert "hunter2" not in str(error.value)
    if name != "MUSTER_VAULT__KEY":
        assert f"the nearest that is: {nearest}" in str(error.value)


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    """mapper as a process, with these variables and no others of ours."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")} | variables
    command = [sys.executable, "-m", "services.mapper"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_a_service_says_what_is_wrong_in_a_line_each_and_ends() -> None:
    """No traceback, no value."""
    typo = start(**GIVEN, MUSTER_CHUNKS="3")
    assert (typo.returncode, typo.stderr) == (
        2,
        "MUSTER_CHUNKS is read by nothing here; the nearest that is: MUSTER_CHUNK\n",
    )
    missing = start(**{k: v for k, v in GIVEN.items() if k != "MUSTER_INTERNAL_TOKEN"}, MUSTER_CHUNK="many")
    assert missing.returncode == 2
    assert "MUSTER_INTERNAL_TOKEN: Field required\n" in missing.stderr
    assert "MUSTER_CHUNK: Input should be a valid integer" in missing.stderr


@pytest.mark.parametrize("key", [None, "short", "AAAA", "A" * 43 + "=,x"])
def test_a_service_does_not_start_without_a_key_for_dead_lettered_messages(key: str | None) -> None:
    given = {k: v for k, v in GIVEN.items() if k != "MUSTER_DEAD_LETTER_KEY"}
    ended = start(**given, **({} if key is None else {"MUSTER_DEAD_LETTER_KEY": key}))
    assert ended.returncode != 0
    assert ended.stderr.startswith("MUSTER_DEAD_LETTER_KEY")
    assert "Traceback" not in ended.stderr


async def test_muster_up_refuses_a_variable_that_nothing_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSTER_RETRY_SECOND", "1")
    with pytest.raises(StackError, match=r"MUSTER_RETRY_SECOND .* MUSTER_RETRY_SECONDS"):
        await Stack(tmp_path, Options(services=(), port=0)).start()


def test_a_service_in_the_stack_gets_only_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person sets for all reaches those that know it; the stack's own addresses stand."""
    monkeypatch.setenv("MUSTER_RETRY_SECONDS", "9")
    monkeypatch.setenv("MUSTER_DATABASE__DSN", "postgresql://elsewhere/x")
    stack = Stack(tmp_path, Options(database="postgresql://owner:x@127.0.0.1:5/muster", kafka="127.0.0.1:6"))
    stack._secrets = DataDir(tmp_path).secrets()
    mapper, syncer = (stack.environment(name, 0, 7) for name in ("mapper", "syncer"))

    assert "MUSTER_VAULT__KEY" not in mapper
    assert "MUSTER_VAULT__KEY" in syncer
    assert (mapper.get("MUSTER_RETRY_SECONDS"), syncer["MUSTER_RETRY_SECONDS"]) == (None, "9")
    assert mapper["MUSTER_DATABASE__DSN"].endswith("@127.0.0.1:5/muster")
