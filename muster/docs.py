"""`python -m muster.docs [--check]`: the documents that are made from the code, and .env.example from compose.yaml."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from muster.kafka import PRINCIPALS
from sandbox.linarc.contract import document as linarc_document
from services.gateway.api.needs import Need
from services.gateway.app import openapi_document
from shared.contracts import commands
from shared.contracts.events import bodies
from shared.contracts.topics import TOPICS
from shared.db.migrate import SERVICES
from shared.domain import reasons
from shared.domain.reasons import Reason

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
            "description": "CloudEvents 1.0, Kafka binary content mode. Within a topic's version, events only gain fields and "
            "topics only gain types: ignore those that you do not know. Anything else is a new topic, published beside the old "
            "one for at least a release.",
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
        "examples": [_example(kind)],
    }


def _example(kind: str) -> dict[str, Any]:
    """The newest of the samples that tests keep of this type."""
    samples = (ROOT / "tests/contract/golden").glob(f"{kind}.*.json")
    newest = max(samples, key=lambda f: int(f.name.rsplit(".", 2)[1]))
    found: dict[str, Any] = json.loads(newest.read_text("utf-8"))
    return {"name": kind, "headers": found["headers"], "payload": found["body"]}


_VALUES = (
    (("Values that compose.yaml needs. Copy to .env (never committed) and fill in.\n"
     "Passwords become part of an address: letters and digits only, for example from: openssl rand -hex 24"), ()),
    ("PostgreSQL's owner, used by the migration only", ("POSTGRES_PASSWORD",)),
    ("One role per service", tuple(f"MUSTER_PASSWORD_{service.upper()}" for service in SERVICES)),
    ("The broker's users: itself, the operator's, and one per service. Letters and digits only",
     tuple(f"KAFKA_PASSWORD_{user.upper()}" for user in PRINCIPALS)),
    ("What gateway shows each of these on internal reads",
     tuple(f"MUSTER_INTERNAL_TOKEN_{service.upper()}" for service in SERVICES if service != "gateway")),
    (("Seals the credentials of both systems: 32 bytes in base64, from: openssl rand -base64 32\n"
     "While it is being rotated: several, separated by commas, newest first"), ("MUSTER_VAULT__KEY",)),
    (("More hosts that requests with a company's credentials may go to, besides those of Intuit and Linarc, such as\n"
     "linarc=linarc.example.com,quickbooks=proxy.example.com:8443."), ("MUSTER_EGRESS__HOSTS",)),
    ("Seals messages that could not be handled, in the same form; all five services hold it", ("MUSTER_DEAD_LETTER_KEY",)),
    ("Where the gateway is reachable on this host", ("MUSTER_BIND",)),
    (("Where browsers reach the gateway, such as https://muster.example.com: https outside this host, as cookies then need it.\n"
     "Intuit sends them back below it, to /v1/oauth/quickbooks/callback: register that redirect URI there"),
     ("MUSTER_PUBLIC_URL",)),
    ("Whether birth dates, pay and home addresses are hidden from operators too; viewers never see them",
     ("MUSTER_HIDE_FROM_OPERATORS",)),
    ("Addresses of the proxies before the gateway, with commas: who the client is, is taken from their X-Forwarded-For only",
     ("MUSTER_HTTP__TRUSTED_PROXIES",)),
    (("Muster's application at Intuit: production keys for real companies, development keys for its sandboxes;\n"
     "the verifier token signs its webhooks"),
     ("MUSTER_APPLICATION__CLIENT_ID", "MUSTER_APPLICATION__CLIENT_SECRET", "MUSTER_APPLICATION__VERIFIER_TOKENS")),
    ("Single sign-on by OpenID Connect, and what the provider's groups give: docs/sign-in.md says what each is",
     ("MUSTER_SSO__ISSUER", "MUSTER_SSO__CLIENT_ID", "MUSTER_SSO__CLIENT_SECRET", "MUSTER_SSO__NAME", "MUSTER_SSO__ROLES",
      "MUSTER_SSO__GROUPS_CLAIM", "MUSTER_SSO__TRUST_EMAIL", "MUSTER_SSO__ENFORCED", "MUSTER_SSO__BREAK_GLASS")),
    ("Whether everyone who signs in with a password must have a second factor", ("MUSTER_SECOND_FACTOR",)),
    (("The mail server that sends notices; without a host nothing is sent by e-mail.\n"
     "Security: starttls, tls (port 465) or none; the sender is an address such as muster@example.com"),
     ("MUSTER_MAIL__HOST", "MUSTER_MAIL__PORT", "MUSTER_MAIL__SECURITY", "MUSTER_MAIL__USER", "MUSTER_MAIL__PASSWORD",
      "MUSTER_MAIL__SENDER")),
    ("Where traces go; http://collector:4318 with the profile `observe`, empty for none", ("OTEL_EXPORTER_OTLP_ENDPOINT",)),
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


@cache
def marked_tests(folder: Path, mark_name: str) -> dict[str, list[tuple[str, str]]]:
    """For each argument of this marker the (file, test) pairs below `folder` that carry it."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == f"pytest.mark.{mark_name}":
                    for argument in mark.args:
                        found[ast.literal_eval(argument)].append((path.name, node.name))
    return found


def behaviours_page() -> str:
    """docs/behaviours.md: each behaviour with its tests. Raises ValueError for a marker that names none."""
    groups: dict[str, dict[str, str]] = yaml.safe_load((ROOT / "docs/behaviours.yaml").read_text("utf-8"))
    tests = marked_tests(ROOT / "tests", "behaviour")
    if unknown := tests.keys() - {number for rows in groups.values() for number in rows}:
        msg = f"Tests are marked with behaviours that docs/behaviours.yaml does not list: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    total = sum(map(len, groups.values()))
    lines = [
        "# Behaviours",
        "",
        "What people can expect, and the tests that show it. `make test` runs every test named here.",
        "Made by `python -m muster.docs` from [behaviours.yaml](behaviours.yaml) and the tests' markers.",
        f"{len(tests)} of {total} have a test.",
    ]
    for title, rows in groups.items():
        lines += ["", f"## {title}", "", "| | behaviour | tests |", "| --- | --- | --- |"]
        for number, text in rows.items():
            lines.append(f"| {number} | {text} | {_named(tests.get(number, [])) or 'none yet'} |")
    return "\n".join(lines) + "\n"


def _named(tests: Sequence[tuple[str, str]]) -> str:
    return "<br>".join(f"`{file}` {test.removeprefix('test_')}" for file, test in tests)


def reasons_page(tests: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """docs/reasons.md: each reason with a test that makes it happen. Raises ValueError where there is none, or no such reason."""
    groups = _reason_groups()
    known = {code for _, rows in groups for code in rows}
    wrong = {"have no test": known - tests.keys(), "are not in the catalogue": tests.keys() - known}
    for what, found in wrong.items():
        if found:
            msg = f"Reasons that {what} (marker `reason`): {', '.join(sorted(found))}"
            raise ValueError(msg)
    lines = [
        "# Reasons",
        "",
        "Why a record has its status, was skipped or differs, and what to do about it: every code that the API and the",
        "console show, with a test that makes it happen. *Source*, *destination*, *system* and *field* stand for the names,",
        "*count* and *total* for the numbers that people read. Made by `python -m muster.docs` from",
        "[reasons.py](../shared/domain/reasons.py) and the tests' markers.",
    ]
    for title, rows in groups:
        fixes = any(reason.fix for reason in rows.values())
        heads = ["code", "what people read", *(("what to do", "who") if fixes else ()), "test"]
        lines += ["", f"## {title}", "", _row(heads), _row(["---"] * len(heads))]
        for code, reason in rows.items():
            text, fix = reason.text.format_map(_PLACES), reason.fix.format_map(_PLACES)
            more = (fix, reason.who()) if fixes else ()
            lines.append(_row([f"`{code.rpartition('.')[2]}`", text, *more, _named(tests[code][:1])]))
    return "\n".join(lines) + "\n"


def roles_page(document: Mapping[str, Any]) -> str:
    """docs/roles.md: what each operation of the API needs."""
    lines = [
        "# Roles",
        "",
        "What each operation of the API needs of the one who asks. The server decides; the console only shows what one may do.",
        "A stranger gets 401. In a company to which one does not belong everything answers 404, as if it were not there; with",
        "too low a role the answer is 403. Viewer, operator and admin are roles in one company, of a person or an API key; each",
        "includes the ones before. A role in the installation opens no company. Made by `python -m muster.docs` from the routes",
        "([needs.py](../services/gateway/api/needs.py)); tests/integration/gateway/test_roles.py asks each as everybody.",
        "",
        _row(["needs", "who that is, and what it is for"]),
        _row(["---", "---"]),
        *(_row([need.label, need.text]) for need in Need),
    ]
    operations = [
        (operation["tags"][0], method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for tag in document["tags"]:
        lines += ["", f"## {tag['name'].capitalize()}", "", tag["description"], ""]
        lines += [_row(["request", "what it does", "needs"]), _row(["---"] * 3)]
        for name, method, path, operation in operations:
            if name == tag["name"]:
                lines.append(_row([f"`{method} {path}`", operation["summary"], operation["x-needs"]]))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PLACES = {name: f"*{name}*" for name in ("source", "destination", "field", "system", "count", "total")}


def _reason_groups() -> list[tuple[str, dict[str, Reason]]]:
    """The catalogue by title. Outside the first group a code has its group's name before it, as in the marker."""
    texts = {
        ("skipped", "Why a selected record was not pushed"): reasons.SKIPPED,
        ("note", "Notes on a value"): reasons.NOTES,
    }
    worded = {
        ("connection", "States of a connection"): reasons.CONNECTIONS,
        ("directory", "What was wrong with a complete read of a directory"): reasons.DIRECTORIES,
    }
    worded |= {key: {code: Reason(text, "") for code, text in rows.items()} for key, rows in texts.items()}
    return [
        ("Why a record has its status", reasons.REASONS),
        *(
            (title, {f"{group}.{code}": one for code, one in rows.items()})
            for (group, title), rows in worded.items()
        ),
    ]


@cache
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
    written[ROOT / "docs/roles.md"] = roles_page(made["docs/openapi.yaml"])
    written[ROOT / "docs/behaviours.md"] = behaviours_page()
    written[ROOT / "docs/reasons.md"] = reasons_page(marked_tests(ROOT / "tests", "reason"))
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
