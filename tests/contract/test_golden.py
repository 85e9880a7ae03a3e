"""Messages of every earlier form are still understood, and lose nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from pydantic import BaseModel

from shared.contracts import commands
from shared.contracts.events import Body, bodies
from shared.contracts.topics import TOPICS
from shared.messaging.parse import PoisonError, parse
from tests.contract.write_golden import FOLDER, missing, paths, stored

SAMPLES = sorted(FOLDER.glob("*.json"))
TYPES = {kind.encode(): cls for kind, cls in bodies().items()}


def understood(file: Path, types: dict[bytes, type[Body]]) -> str:
    """Empty, or why a consumer of today cannot take this sample as it was meant."""
    found = json.loads(file.read_text())
    headers = [(name, value.encode()) for name, value in found["headers"].items()]
    body = json.dumps(found["body"]).encode()
    record: Any = ConsumerRecord(found["topic"], 0, 0, 0, 0, None, body, 0, len(body), 0, headers)
    try:
        message = parse(record, types).message
    except PoisonError as error:
        return f"{error.reason}: {error}"
    kept = json.loads(message.body.model_dump_json(exclude_unset=True))
    if lost := paths(found["body"]) - paths(kept):
        return f"lost {sorted(lost)}"
    if kept != found["body"]:
        return "read as something else"
    if (str(message.id), message.actor) != (found["headers"]["ce_id"], found["headers"]["ce_actor"]):
        return "its envelope is lost"
    return ""


@pytest.mark.parametrize("file", SAMPLES, ids=lambda f: f.name)
def test_an_old_message_is_still_understood(file: Path) -> None:
    assert understood(file, TYPES) == ""


def test_every_message_has_a_sample_with_all_its_fields() -> None:
    """Otherwise: python -m tests.contract.write_golden, and commit what it wrote."""
    assert commands.MAX_IDS
    assert [kind for kind, _ in missing()] == []
    assert {file.name.rsplit(".", 2)[0] for file in SAMPLES} == set(bodies())


def test_every_sample_stands_on_a_topic_of_its_type() -> None:
    for file in SAMPLES:
        found = json.loads(file.read_text())
        assert found["topic"] in bodies()[found["headers"]["ce_type"]].topic.names(), file.name
    assert {json.loads(f.read_text())["topic"] for f in SAMPLES} == {t.name for t in TOPICS}


class Stricter(BaseModel):
    """A field that old messages do not have is required now."""

    checksum: str


class Renamed(BaseModel):
    """`reason` has another name now."""

    record_id: str
    why: str = ""


@pytest.mark.parametrize(
    ("kind", "changed", "why"),
    [
        ("employee.staged", Stricter, "bad_body: checksum: missing"),
        ("record.unmatched", Renamed, "lost ["),
    ],
)
def test_a_change_that_breaks_old_messages_is_found(kind: str, changed: Any, why: str) -> None:
    """The negative control."""
    assert understood(stored(kind)[0], {kind.encode(): changed}).startswith(why)
    assert understood(stored(kind)[0], {}).startswith("unknown_type")


def test_a_field_given_twice_is_read_alike_by_both_readers() -> None:
    """Contracts are read by pydantic, headers and payloads by orjson; both take the last."""
    text = b'{"record_id": "00000000-0000-0000-0000-000000000001", "record_id": "00000000-0000-0000-0000-000000000002"}'
    read = commands.UnlinkRecord.model_validate_json(text)
    assert str(read.record_id) == orjson.loads(text)["record_id"]
