"""Rules: what stands, what others would do, and every version that there was."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field, StrictBool, StrictInt, ValidationError

from services.gateway.api.callers import admin, viewer
from services.gateway.api.common import Access, Deps, Input, change_settings, record
from services.gateway.api.companies import NewRules, changed_route, keep_parts, route_warnings
from services.gateway.api.idempotency import IdempotencyKey, once
from services.gateway.core import rules_file as rules_files
from services.gateway.core.rules import moved_settings
from services.gateway.store import companies, users, versions
from shared.contracts.rule_views import FieldOption, RuleChange, RulesDraft, RulesVersions, RulesView, Trial
from shared.db.tx import Tx
from shared.domain.capabilities import mapped_fields, writable_fields
from shared.domain.employee import FIELDS
from shared.domain.mapping import kind_of, sources_for
from shared.domain.reasons import field_words
from shared.domain.settings import CompanySettings, Rules
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

SECONDS = 60.0
"""Many records are looked at while a person waits."""


class WholeRules(Input):
    """A route with all its rules. What is left out has its default."""

    source: UUID
    destination: UUID
    active: StrictBool = True
    rules: NewRules = NewRules()


class SavedRules(WholeRules):
    """Rules to be saved, made from this version of the settings."""

    version: StrictInt


class TriedRules(WholeRules):
    """Rules to be tried out; `sample` is the record that is shown with what would be sent of it."""

    sample: UUID | None = None


class RulesFile(Input):
    """A YAML file with rules."""

    text: str = Field(max_length=rules_files.LONGEST)


class Restored(Input):
    """The version whose rules are to stand again."""

    version: StrictInt = Field(ge=1)


def make(deps: Deps) -> APIRouter:
    """A company's rules."""
    routes = APIRouter(prefix="/v1/companies/{company}/rules", tags=["rules"])
    _now(routes, deps)
    _versions(routes, deps)
    return routes


def _now(routes: APIRouter, deps: Deps) -> None:
    @routes.get("", response_model=RulesView)
    async def rules(company: UUID, _: Access = viewer(deps)) -> Any:
        """The rules that stand, who may change them, and what a mapping may name."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
        async with deps.database.system() as tx:
            people = await users.colleagues(tx, company)
        administrators = [p["name"] for p in people if p["role"] == "admin" and not p["key"]]
        return {**_shown(settings), "administrators": administrators}

    @routes.post("/try", response_model=Trial)
    async def try_rules(company: UUID, body: TriedRules, _: Access = admin(deps)) -> Any:
        """What these rules would do to every record, against those that stand. Nothing is written."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
        proposed = changed_route(settings, body.source, body.destination, body.rules, active=True)
        asked = {
            "settings": proposed.model_dump(mode="json"),
            "sample": str(body.sample) if body.sample else None,
        }
        return await deps.syncer.post(
            "/trials", company=company, json=asked, read=Trial.model_validate_json, seconds=SECONDS
        )

    @routes.get("/file", response_class=PlainTextResponse)
    async def rules_file(company: UUID, _: Access = viewer(deps)) -> Response:
        """The rules that stand, as a YAML file."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
        try:
            text = rules_files.written(settings)
        except ValueError as error:
            raise ProblemError("conflict", f"{error}".capitalize() + ".") from None
        return Response(text, media_type="application/yaml")

    @routes.post("/file", response_model=RulesDraft)
    async def read_rules_file(company: UUID, body: RulesFile, _: Access = admin(deps)) -> Any:
        """What a YAML file says, as rules that can be tried out and saved. Nothing is saved by this."""
        async with deps.database.transaction([company]) as tx:
            (settings,) = await companies.load_companies(tx, [company])
        try:
            found = await asyncio.to_thread(rules_files.read, body.text, settings)
            draft = WholeRules.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ProblemError("invalid", f"`{place}`: {first['msg']}") from None
        except ValueError as error:
            raise ProblemError("invalid", str(error)) from None
        changed_route(settings, draft.source, draft.destination, draft.rules, active=draft.active)
        return {**draft.model_dump(mode="json"), "version": settings.version}

    @routes.put("", response_model=RulesView)
    async def save_rules(
        company: UUID,
        body: SavedRules,
        request: Request,
        access: Access = admin(deps),
        key: IdempotencyKey = None,
    ) -> Any:
        """Save rules that were made from the version that still stands; otherwise `conflict`. Nothing is written anywhere."""

        def change(settings: CompanySettings) -> CompanySettings:
            if settings.version != body.version:
                raise ProblemError(
                    "conflict",
                    "The settings were changed meanwhile. Reload to see the new version, then save again.",
                )
            return changed_route(settings, body.source, body.destination, body.rules, active=body.active)

        async def act(tx: Tx) -> dict[str, Any]:
            settings = await change_settings(deps, tx, company, access.person.actor, change)
            await record(tx, access, request, "rules.changed", f"version:{settings.version}")
            await keep_parts(tx, settings)
            return _shown(settings)

        answer = await once(deps, request, company, key, act)
        return answer | {"warnings": await route_warnings(deps, company)}


def _versions(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/versions", response_model=RulesVersions)
    async def rules_versions(
        company: UUID,
        after: Annotated[int | None, Query(ge=1)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        _: Access = viewer(deps),
    ) -> Any:
        """Every version of the settings, newest first: when, who, and what moved."""
        async with deps.database.transaction([company]) as tx:
            found = await versions.versions(tx, company, after, limit + 2)
        pairs = list(zip(found, [*found[1:], None], strict=True))[:limit]
        items = [
            {
                "version": one.settings.version,
                "at": one.at,
                "actor": one.actor,
                "changes": moved_settings(before.settings if before else None, one.settings),
            }
            for one, before in pairs
        ]
        return {"items": items, "next": items[-1]["version"] if len(found) > limit else None}

    @routes.get("/compare", response_model=list[RuleChange])
    async def compare_versions(
        company: UUID,
        before: Annotated[int, Query(ge=1, description="The version to compare with.")],
        after: Annotated[int, Query(ge=1, description="The version that is compared.")],
        _: Access = viewer(deps),
    ) -> Any:
        """What differs between two versions of the settings."""
        one, other = await _version(deps, company, before), await _version(deps, company, after)
        return [change.model_dump(mode="json") for change in moved_settings(one, other)]

    @routes.get("/versions/{version}", response_model=RulesView)
    async def rules_version(
        company: UUID, version: Annotated[int, Path(ge=1)], _: Access = viewer(deps)
    ) -> Any:
        """One version of the rules, whole."""
        return _shown(await _version(deps, company, version))

    @routes.post("/restore", response_model=RulesView)
    async def restore_rules(
        company: UUID,
        body: Restored,
        request: Request,
        access: Access = admin(deps),
        key: IdempotencyKey = None,
    ) -> Any:
        """Roll back: the rules of an earlier version stand again, as a new version."""
        earlier = (await _version(deps, company, body.version)).route
        if earlier is None:
            raise ProblemError("conflict", "That version has no rules.")

        def change(settings: CompanySettings) -> CompanySettings:
            rules = NewRules.model_validate(earlier.rules.model_dump())
            return changed_route(settings, earlier.source, earlier.destination, rules, active=earlier.active)

        async def act(tx: Tx) -> dict[str, Any]:
            settings = await change_settings(deps, tx, company, access.person.actor, change)
            await record(tx, access, request, "rules.changed", f"version:{settings.version}")
            await keep_parts(tx, settings)
            return _shown(settings)

        answer = await once(deps, request, company, key, act)
        return answer | {"warnings": await route_warnings(deps, company)}


async def _version(deps: Deps, company: UUID, number: int) -> CompanySettings:
    async with deps.database.transaction([company]) as tx:
        found = await versions.version(tx, company, number)
    if found is None:
        raise ProblemError("not-found", "There is no such version.")
    return found


def _shown(settings: CompanySettings) -> dict[str, Any]:
    """The rules of a version, with what a mapping between its systems may name."""
    route = settings.route
    view = RulesView(
        version=settings.version,
        source=route.source if route else None,
        destination=route.destination if route else None,
        active=route.active if route else False,
        rules=route.rules if route else Rules(),
        fields=_fields(settings),
    )
    return view.model_dump(mode="json")


def _fields(settings: CompanySettings) -> tuple[FieldOption, ...]:
    route = settings.route
    source = settings.account(route.source) if route else None
    destination = settings.account(route.destination) if route else None
    if source is None or destination is None:
        return ()
    here, there = SYSTEMS[source.system], SYSTEMS[destination.system]
    copied = mapped_fields(here, there, destination.features)
    writable = writable_fields(there, destination.features)
    return tuple(
        FieldOption(
            field=name,
            label=field_words(name),
            kind=kind_of(name),
            source=name if name in copied else None,
            sources=sources_for(name, here),
        )
        for name in FIELDS
        if name in writable
    )
