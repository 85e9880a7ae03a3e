"""The API's description reads as if a person had written it: each operation, parameter, tag and error has words of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from services.gateway.api.document import EXAMPLES, PARAMETERS, TAGS, summary
from services.gateway.app import openapi_document
from shared.http.problems import TYPES

DOCUMENT = openapi_document()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def wordless(name: str, operation: dict[str, Any]) -> list[str]:
    """What of an operation says nothing, or its own name again."""
    title = operation["operationId"].replace("_", " ").casefold()
    found = [name for key in ("summary", "description") if operation.get(key, "").casefold() in ("", title)]
    if len(operation["summary"]) > 110:
        found.append(f"{name}: its first sentence is too long for a summary")
    found += [f"{name}: {p['name']}" for p in operation.get("parameters", ()) if not p.get("description")]
    found += [f"{name}: the tag {tag}" for tag in operation.get("tags", ["none"]) if tag not in TAGS]
    return found


def test_each_operation_and_parameter_has_words() -> None:
    """For a parameter: `description=` where it stands, or a line in `document.PARAMETERS`."""
    assert [one for name, operation in operations(DOCUMENT) for one in wordless(name, operation)] == []


def test_an_operation_without_words_is_found() -> None:
    """The negative control."""
    bare = {
        "operationId": "start_import",
        "summary": "Start Import",
        "description": "",
        "parameters": [{"name": "x"}],
    }
    assert len(wordless("POST /x", bare)) == 4


def test_each_problem_type_is_named() -> None:
    kind = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]
    assert set(kind["enum"]) == {f"urn:muster:problem:{one}" for one in TYPES}
    assert all(f"`{one}`" in kind["description"] for one in TYPES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_operation_takes(name: str) -> None:
    parts = DOCUMENT["components"]
    jsonschema.validate(EXAMPLES[name], {"$ref": f"#/components/schemas/{name}", "components": parts})


def test_nothing_is_described_that_is_not_there() -> None:
    named = {p["name"] for _, operation in operations(DOCUMENT) for p in operation.get("parameters", ())}
    used = {tag for _, operation in operations(DOCUMENT) for tag in operation.get("tags", ())}
    assert PARAMETERS.keys() - named == set()
    assert TAGS.keys() - used == set()


def test_a_summary_is_the_first_sentence() -> None:
    assert summary("Read it. Nothing else.") == "Read it"
    assert summary("What there is: a list,\nand more") == "What there is"
