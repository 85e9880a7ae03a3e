"""What moved between two versions of a company's settings. Pure."""

from __future__ import annotations

from typing import Any

from shared.contracts.rule_views import RuleChange
from shared.domain.settings import CompanySettings
from shared.systems import SYSTEMS


def moved_settings(before: CompanySettings | None, after: CompanySettings) -> list[RuleChange]:
    """What moved between two versions, one entry a setting; the mapping by destination field."""
    found: list[RuleChange] = []

    def note(what: str, one: Any, other: Any) -> None:
        if one != other:
            found.append(RuleChange(what=what, before=one, after=other))

    for name in ("source", "destination"):
        note(name, _end(before, name), _end(after, name))
    old, new = _rules(before), _rules(after)
    mapped, mapping = old.pop("mapping", []), new.pop("mapping", [])
    before_limits, limits = old.pop("limits", {}), new.pop("limits", {})
    for name in [*new, *(n for n in old if n not in new)]:
        note(name, old.get(name), new.get(name))
    for name in limits or before_limits:
        note(f"limits.{name}", before_limits.get(name), limits.get(name))
    here, there = ({one["destination"]: one for one in some} for some in (mapped, mapping))
    for name in sorted({*here, *there}):
        note(f"mapping.{name}", here.get(name), there.get(name))
    linked, links = _accounts(before), _accounts(after)
    for name in sorted({*linked, *links}):
        note(f"connection.{name}", linked.get(name), links.get(name))
    return found


def _end(settings: CompanySettings | None, name: str) -> str | None:
    account = settings.account(getattr(settings.route, name)) if settings and settings.route else None
    return SYSTEMS[account.system].label if account else None


def _rules(settings: CompanySettings | None) -> dict[str, Any]:
    if settings is None or settings.route is None:
        return {}
    return {**settings.route.rules.model_dump(mode="json"), "active": settings.route.active}


def _accounts(settings: CompanySettings | None) -> dict[str, str]:
    accounts = settings.accounts if settings else ()
    return {
        f"{SYSTEMS[a.system].label} {a.name or a.tenant_id}": "connected" if a.connected else "disconnected"
        for a in accounts
    }
