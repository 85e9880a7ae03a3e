"""Companies, and their route with its rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Request
from pydantic import Field, StrictBool, StrictInt

from services.gateway.api.callers import SignedIn, admin, anyone, installation, viewer
from services.gateway.api.common import Access, Deps, Input, change_settings, record, source_of, tell_settings
from services.gateway.api.idempotency import IdempotencyKey, once
from services.gateway.store import companies as stored
from services.gateway.store import webhooks
from services.gateway.store.audit import Entry, add_entry
from services.gateway.store.users import Person
from shared.contracts.freshness import FreshnessView
from shared.contracts.views import CompanyView
from shared.db.tx import Tx
from shared.domain.display_names import rule_problem
from shared.domain.mapping import FieldMapping, mapping_problem
from shared.domain.plans import SafetyLimits
from shared.domain.scope import Condition, scope_problem
from shared.domain.settings import CompanySettings, Route, Rules
from shared.domain.visibility import Role
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

_FOLLOWED_BACK = (
    "Another company here syncs the same two accounts in the opposite direction. What one writes, the other reads: records that "
    "go back and forth stop and need a person."
)


class NewCompany(Input):
    """A company's name."""

    name: str = Field(min_length=1, max_length=200)


class NewRules(Input):
    """Rules of a route; in a change, those that are left out stay."""

    auto_create: StrictBool = False
    auto_update: StrictBool = False
    auto_sync: StrictBool = False
    create_missing: StrictBool = True
    confirm_matches: StrictBool = False
    direct_sync: StrictInt = Field(
        default=0, ge=0, le=10, description="So many records may be synced without looking at a plan first."
    )
    limits: SafetyLimits = Field(
        default=SafetyLimits(), description="What holds a plan until it is released; null is no limit."
    )
    sweep_minutes: StrictInt | None = Field(
        default=None,
        ge=1,
        le=1440,
        description="How often both systems are asked for changes that no webhook announced; null: as the installation is set.",
    )
    mapping: tuple[FieldMapping, ...] = Field(
        default=(),
        max_length=100,
        description="Fields of the destination that are fed otherwise than from the source's field of the same name.",
    )

    same_name: str = Field(
        default="",
        max_length=200,
        description="The display name of a new person whose name is taken at the destination, such as `{name} ({number})`; "
        "empty: a person decides.",
    )
    scope: tuple[Condition, ...] = Field(
        default=(),
        max_length=20,
        description="Who takes part: people who fulfil all of these conditions. The others are excluded, and never pushed.",
    )


class NewRoute(Input):
    """Which account is the source of truth, and the rules."""

    source: UUID
    destination: UUID
    rules: NewRules = NewRules()
    active: StrictBool = True


def make(deps: Deps) -> APIRouter:
    """Settings of companies."""
    routes = APIRouter(prefix="/v1/companies", tags=["companies"])
    _companies(routes, deps)
    _route(routes, deps)
    return routes


def _companies(routes: APIRouter, deps: Deps) -> None:
    @routes.get("", response_model=list[CompanyView])
    async def companies(found: SignedIn = anyone(deps)) -> list[dict[str, Any]]:
        """The companies one may see."""
        _, roles = found
        async with deps.database.transaction(roles) as tx:
            mine = await stored.load_companies(tx, list(roles))
        return [{**_shown(s), "role": roles[s.company_id].name.lower()} for s in mine]

    @routes.post("", status_code=201)
    async def add_company(
        body: NewCompany,
        request: Request,
        key: IdempotencyKey = None,
        person: Person = installation(deps, Role.ADMIN),
    ) -> dict[str, Any]:
        """Make a company and become its administrator. For an administrator of this Muster."""
        owner = person.made_by
        # The answer is stored with the company, so a repetition must come to the same one.
        company = uuid5(owner, key) if key is not None else deps.clock.new_id()

        async def act(tx: Tx) -> dict[str, Any]:
            if not await stored.add_company(tx, company, body.name, owner):
                raise ProblemError("key-reused", "This Idempotency-Key has made a company. Take a new one.")
            entry = Entry("company.created", person.actor, source_of(request), person.actor)
            await add_entry(tx, [company], entry)
            settings = CompanySettings(company_id=company, version=1, name=body.name)
            await tell_settings(deps, tx, settings, person.actor)
            return _shown(settings)

        return await once(deps, request, company, key, act)

    @routes.get("/{company}", response_model=CompanyView)
    async def company_settings(company: UUID, access: Access = viewer(deps)) -> dict[str, Any]:
        """One company's settings."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await stored.load_companies(tx, [company])
        return {**_shown(settings), "role": access.role.name.lower()}

    @routes.patch("/{company}", response_model=CompanyView)
    async def rename_company(
        company: UUID, body: NewCompany, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Give the company another name."""

        def change(settings: CompanySettings) -> CompanySettings:
            return settings.model_copy(update={"name": body.name})

        async with deps.database.transaction([company]) as tx:
            settings = await change_settings(deps, tx, company, access.person.actor, change)
            await record(tx, access, request, "company.renamed", f"company:{company}")
        return {**_shown(settings), "role": access.role.name.lower()}


def _route(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/{company}/freshness", response_model=FreshnessView)
    async def freshness(
        company: UUID,  # noqa: ARG001  (of the path)
        access: Access = viewer(deps),
    ) -> Any:
        """How soon changes at both systems are seen, and when each was last looked at."""
        return await access.read(deps.importer, "/freshness")

    @routes.put("/{company}/route")
    async def set_route(
        company: UUID,
        body: NewRoute,
        request: Request,
        access: Access = admin(deps),
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Say which account is the source of truth, and by what rules the other follows.

        `warnings` say what may go wrong with it: another company here may sync the same accounts in the opposite direction.
        """

        def change(settings: CompanySettings) -> CompanySettings:
            return changed_route(settings, body.source, body.destination, body.rules, active=body.active)

        async def act(tx: Tx) -> dict[str, Any]:
            settings = await change_settings(deps, tx, company, access.person.actor, change)
            await record(tx, access, request, "rules.changed", f"version:{settings.version}")
            await keep_parts(tx, settings)
            return _shown(settings)

        answer = await once(deps, request, company, key, act)
        return {**answer, "warnings": await route_warnings(deps, company)}

    @routes.patch("/{company}/route/rules")
    async def set_rules(
        company: UUID, body: NewRules, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Change single rules."""
        changed = body.model_dump(exclude_unset=True)

        def change(settings: CompanySettings) -> CompanySettings:
            if settings.route is None:
                raise ProblemError("conflict", "Set the route first.")
            route = settings.route
            if "limits" in changed:
                changed["limits"] = route.rules.limits.model_dump() | changed["limits"]
            rules = Rules.model_validate(route.rules.model_dump() | changed)
            _check_mapping(settings, route.source, route.destination, rules)
            return settings.model_copy(update={"route": route.model_copy(update={"rules": rules})})

        async def act(tx: Tx) -> dict[str, Any]:
            settings = await change_settings(deps, tx, company, access.person.actor, change)
            await record(tx, access, request, "rules.changed", f"version:{settings.version}")
            return _shown(settings)

        return await once(deps, request, company, None, act)


async def keep_parts(tx: Tx, settings: CompanySettings) -> None:
    """Keep which accounts the company's route joins, for the warnings of others' routes."""
    source, destination = settings.source(), settings.destination()
    if source is None or destination is None:
        await webhooks.save_parts(tx, settings.company_id, None, None)
        return
    for account in (source, destination):
        await webhooks.put_account(tx, settings.company_id, account)
    await webhooks.save_parts(tx, settings.company_id, source.account_id, destination.account_id)


async def route_warnings(deps: Deps, company: UUID) -> list[str]:
    """What may go wrong with the company's route as it is now. It looks at other companies, so it is asked apart."""
    async with deps.database.transaction([company]) as tx:
        (settings,) = await stored.load_companies(tx, [company])
    source, destination = settings.source(), settings.destination()
    if source is None or destination is None:
        return []
    async with deps.database.system() as tx:
        back = await webhooks.is_followed_back(tx, company, source, destination)
    return [_FOLLOWED_BACK] if back else []


def changed_route(
    settings: CompanySettings, source: UUID, destination: UUID, rules: NewRules, *, active: bool
) -> CompanySettings:
    """The settings with this route. Raises the problem that says why they cannot have it."""
    ends = [settings.account(source), settings.account(destination)]
    if None in ends or len({a.system for a in ends if a}) < len(ends):
        raise ProblemError(
            "invalid", "Source and destination are two accounts of this company, in different systems."
        )
    kept = Rules.model_validate(rules.model_dump())
    _check_mapping(settings, source, destination, kept)
    route = Route(source=source, destination=destination, rules=kept, active=active)
    return settings.model_copy(update={"route": route})


def _check_mapping(settings: CompanySettings, source: UUID, destination: UUID, rules: Rules) -> None:
    """Refuse a rule, a condition or an entry of the mapping that these two accounts cannot have."""
    if problem := rule_problem(rules.same_name):
        raise ProblemError("invalid", f"`same_name`: {problem}")
    if problem := scope_problem(rules.scope):
        raise ProblemError("invalid", f"`scope`: {problem}")
    here, there = settings.account(source), settings.account(destination)
    if here is None or there is None:
        return
    if problem := mapping_problem(rules.mapping, SYSTEMS[here.system], SYSTEMS[there.system]):
        raise ProblemError("invalid", f"`mapping`: {problem}")


def _shown(settings: CompanySettings) -> dict[str, Any]:
    systems = [SYSTEMS[name] for name in sorted({account.system for account in settings.accounts})]
    named = [{"system": one.id, "label": one.label, "short_label": one.short_label} for one in systems]
    return {**settings.model_dump(mode="json"), "systems": named}
