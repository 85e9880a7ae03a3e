"""A company's rules as a YAML file: to keep beside other configuration, and to take to another company. Pure.

A file names systems, not accounts, so that it fits each company that syncs the same two systems.
"""

from __future__ import annotations

from typing import Any

import yaml

from shared.domain.settings import CompanySettings
from shared.systems import SYSTEMS

LONGEST = 50_000
_HEAD = "# Rules of Muster. Try them out before they are saved.\n"
_SHARED = "anchors, aliases and merge keys are not taken"


class _Plain(yaml.SafeLoader):
    """YAML without anchors, aliases and merge keys: a few lines of these stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.composer.ComposerError(None, None, _SHARED, event.start_mark)
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, _SHARED, key.start_mark)
        super().flatten_mapping(node)


def written(settings: CompanySettings) -> str:
    """The rules that stand in these settings. Raises ValueError without a route."""
    route = settings.route
    if route is None:
        raise ValueError("there are no rules yet")
    ends = {name: _system(settings, getattr(route, name)) for name in ("source", "destination")}
    found = {**ends, "active": route.active, "rules": route.rules.model_dump(mode="json")}
    return _HEAD + yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)


def _system(settings: CompanySettings, account_id: Any) -> str:
    account = settings.account(account_id)
    if account is None:
        raise ValueError("an account of these rules is not known")
    return account.system


def read(text: str, settings: CompanySettings) -> dict[str, Any]:
    """A file's rules with the company's accounts in place of the systems, unchecked. Raises ValueError, in words for people."""
    if len(text) > LONGEST:
        raise ValueError("The file is too long.")
    try:
        found = yaml.load(text, _Plain)  # noqa: S506  (a SafeLoader that takes less)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        if error.problem == _SHARED:
            raise ValueError(f"Write each value out{line}: {_SHARED}.") from None
        raise ValueError(f"The file is not YAML{line}.") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # a number of 5,000 digits, the 31st of February
        raise ValueError("The file is not YAML.") from None
    except RecursionError:
        raise ValueError("The file is nested too deeply.") from None
    if not isinstance(found, dict):
        raise ValueError("The file holds no rules.")  # noqa: TRY004  (as for everything that is no file of rules)
    ends = {name: _account(found.get(name), name, settings) for name in ("source", "destination")}
    if ends["source"] == ends["destination"]:
        raise ValueError("`source` and `destination` name the same system.")
    return {**found, **ends}


def _account(system: Any, name: str, settings: CompanySettings) -> str:
    """The company's account of a system; of several the one that its route names."""
    if not isinstance(system, str) or system not in SYSTEMS:
        raise ValueError(f"`{name}` must be one of {', '.join(sorted(SYSTEMS))}.")
    route = settings.route
    named = {route.source, route.destination} if route else set()
    accounts = [one.account_id for one in settings.accounts if one.system == system]
    of_route = [one for one in accounts if one in named]
    for some in (of_route, accounts):
        if len(some) == 1:
            return str(some[0])
    problem = (
        "is not connected here"
        if not accounts
        else "has several accounts here: choose them on the Rules page"
    )
    raise ValueError(f"{SYSTEMS[system].label} {problem}.")
