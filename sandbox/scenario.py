"""A scenario: switches, settings of companies and fault rules in one document, from a file or an admin call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.faults import Rule
from sandbox.state import Sandbox, loads


class Scenario(BaseModel):
    """What is absent stays as it is; `rules` replace all rules."""

    model_config = ConfigDict(extra="forbid")

    switches: dict[str, Any] = {}
    companies: dict[str, dict[str, Any]] = {}
    rules: list[Rule] | None = None


def play(sandbox: Sandbox, raw: bytes) -> None:
    """Put a scenario into force. Raises ValueError that says what is wrong; then nothing is changed."""
    try:
        found = Scenario.model_validate(loads(raw))
    except ValidationError as wrong:
        raise ValueError("; ".join(problems(wrong))) from wrong
    if unknown := sorted(set(found.companies) - set(sandbox.scopes)):
        msg = f"no realm or tenant {', '.join(unknown)}"
        raise ValueError(msg)
    sandbox.check(found.switches, found.companies)
    sandbox.set(found.switches)
    for scope, given in found.companies.items():
        sandbox.set_company(scope, given)
    if found.rules is not None:
        sandbox.faults.set(found.rules)


def play_file(sandbox: Sandbox, path: Path) -> None:
    """The same from a file, with its name before what is wrong."""
    try:
        play(sandbox, path.read_bytes())
    except (OSError, ValueError) as wrong:
        msg = f"{path}: {wrong}"
        raise SystemExit(msg) from wrong


def problems(wrong: ValidationError) -> list[str]:
    """Each as `place: what is wrong`."""
    errors = wrong.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors]
