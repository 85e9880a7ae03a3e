"""`python -m muster.docs [--check]`: the documents that are made from the code, and .env.example from compose.yaml."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from sandbox.linarc.contract import document as linarc_document
from services.gateway.app import openapi_document
from shared.contracts import commands
from shared.contracts.events import bodies
from shared.contracts.topics import TOPICS
from shared.db.migrate import SERVICES

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


_VALUES = (
    (("Values that compose.yaml needs. Copy to .env (never committed) and fill in.\n"
     "Passwords become part of an address: letters and digits only, for example from: openssl rand -hex 24"), ()),
    ("PostgreSQL's owner, used by the migration only", ("POSTGRES_PASSWORD",)),
    ("One role per service", tuple(f"MUSTER_PASSWORD_{service.upper()}" for service in SERVICES)),
    ("What the services show each other on internal reads", ("MUSTER_INTERNAL_TOKEN",)),
    (("Seals the credentials of both systems: 32 bytes in base64, from: openssl rand -base64 32\n"
     "While it is being rotated: several, separated by commas, newest first"), ("MUSTER_VAULT__KEY",)),
    ("Seals messages that could not be handled, in the same form; all five services hold it", ("MUSTER_DEAD_LETTER_KEY",)),
    ("Where the gateway is reachable on this host", ("MUSTER_BIND",)),
    ("true wherever the console is served over https, as it must be outside this host", ("MUSTER_SECURE_COOKIES",)),
    (("Where browsers reach the gateway, such as https://muster.example.com. Intuit sends them back below it, to\n"
     "/v1/oauth/quickbooks/callback: register that redirect URI there"), ("MUSTER_PUBLIC_URL",)),
    ("Muster's application at Intuit: production keys for real companies, development keys for its sandboxes",
     ("MUSTER_APPLICATION__CLIENT_ID", "MUSTER_APPLICATION__CLIENT_SECRET")),
)  # fmt: skip


def environment_example() -> str:
    """.env.example: every value that compose.yaml asks for, with its default there. Raises ValueError for one without a text."""
    asked = dict(re.findall(r"\$\{(\w+)(?::-([^}]*))?", (ROOT / "compose.yaml").read_text("utf-8")))
    named = [name for _, names in _VALUES for name in names]
    if wrong := set(asked) ^ set(named):
        msg = f"compose.yaml and _VALUES of muster/docs.py differ in {', '.join(sorted(wrong))}"
        raise ValueError(msg)
    return "\n".join(
        "".join(f"# {line}\n" for line in text.splitlines()) + "".join(f"{n}={asked[n]}\n" for n in names)
        for text, names in _VALUES
    )


def documents() -> dict[Path, str]:
    """Each document's text by its place."""
    made = {
        "docs/openapi.yaml": openapi_document(),
        "docs/asyncapi/muster.yaml": asyncapi_document(),
        "docs/linarc-openapi.yaml": linarc_document(),
    }
    written = {
        ROOT / name: yaml.safe_dump(found, sort_keys=True, allow_unicode=True, width=120)
        for name, found in made.items()
    }
    return {**written, ROOT / ".env.example": environment_example()}


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
