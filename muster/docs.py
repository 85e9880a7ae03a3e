"""`python -m muster.docs [--check]`: the OpenAPI and AsyncAPI documents below docs/, made from the code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from sandbox.linarc.contract import document as linarc_document
from services.gateway.app import openapi_document
from shared.contracts import commands
from shared.contracts.events import bodies
from shared.contracts.topics import TOPICS

ROOT = Path(__file__).resolve().parent.parent


def asyncapi_document() -> dict[str, Any]:
    """Every topic and the messages on it, as AsyncAPI 3.0."""
    assert commands.MAX_IDS  # importing them makes the commands known
    schemas: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    known = bodies()
    for topic in TOPICS:
        mine = {name: cls for name, cls in known.items() if cls.topic is topic}
        for cls in mine.values():
            schemas[cls.__name__] = cls.model_json_schema(
                ref_template="#/components/schemas/" + cls.__name__ + "/$defs/{model}"
            )
        for name in topic.names():
            channels[name] = {
                "address": name,
                "description": f"Owned by {topic.owner}; key: {topic.key}.",
                "messages": {
                    kind: _message(kind, cls.__name__, cls.__doc__ or "") for kind, cls in mine.items()
                },
            }
            operations[f"{topic.owner}.{name}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Muster",
            "version": "1",
            "description": "CloudEvents 1.0, Kafka binary content mode.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas},
    }


def _message(kind: str, name: str, text: str) -> dict[str, Any]:
    payload = {"$ref": f"#/components/schemas/{name}"}
    return {
        "name": kind,
        "contentType": "application/json",
        "summary": text.splitlines()[0],
        "payload": payload,
    }


def documents() -> dict[Path, str]:
    """Each document's text by its place."""
    made = {
        "docs/openapi.yaml": openapi_document(),
        "docs/asyncapi/muster.yaml": asyncapi_document(),
        "docs/linarc-openapi.yaml": linarc_document(),
    }
    return {
        ROOT / name: yaml.safe_dump(found, sort_keys=True, allow_unicode=True, width=120)
        for name, found in made.items()
    }


def main() -> int:
    """Write them; with `--check`, only say which are not up to date."""
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not up to date; run: python -m muster.docs\n")
        return 1 if stale else 0
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
