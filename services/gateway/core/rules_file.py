"""A company's rules as a YAML file: to keep beside other configuration, and to take to another company. Pure.

A file names systems, not accounts, so that it fits each company that syncs the same two systems.
"""

from __future__ import annotations

from typing import Any

import yaml

from shared.domain.settings import CompanySettings
from shared.systems import SYSTEMS

LONGEST = 200_000
_HEAD = "# Rules of Muster. Try them out before they are saved.\n"


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
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"The file is not YAML{f', line {mark.line + 1}' if mark else ''}.") from None
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
