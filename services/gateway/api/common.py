"""What every route needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.core import check_base_url, shortened
from services.gateway.settings import Settings
from services.gateway.store import audit, companies, versions
from services.gateway.store.audit import Action, Entry, Source
from services.gateway.store.users import Person
from shared.clock import Clock
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.contracts.events import SettingsChanged
from shared.db.tx import Database, Tx
from shared.domain.settings import CompanySettings
from shared.domain.visibility import Role, without
from shared.egress import Allowed
from shared.http.internal import Internal
from shared.http.oidc import Provider
from shared.http.problems import ProblemError
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.upkeep import Upkeep

RemoteId = Annotated[str, Field(max_length=200, pattern=r"^[^\s\x00-\x1f\x7f]+$")]
"""Bounded, so that 500 of them fit one message."""
PASSWORD_LEAST = 12
NewPassword = Annotated[str, Field(min_length=PASSWORD_LEAST, max_length=500)]
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The secret part of a link that is used once."""


class Input(BaseModel):
    """Base of every request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Deps:
    """What the routes are built from."""

    database: Database
    outbox: Outbox
    clock: Clock
    settings: Settings
    vault: Vault
    limits: Limits
    history: Internal
    mapper: Internal
    importer: Internal
    syncer: Internal
    provider: Provider
    """Of single sign-on."""
    upkeep: Upkeep
    on_ended: Callable[[Collection[str]], None]
    """Told which credentials have ended, so that their streams do at once."""
    on_events: Callable[[UUID | None], None]
    """Told that there may be something to deliver: of this company, or what was noted already."""
    on_notice: Callable[[], None]
    """Told that a notice is to be sent."""
    on_webhooks: Callable[[], Awaitable[None]]
    """Told that an account's webhooks have changed, so that this process knows at once. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Access:
    """A person in one company."""

    person: Person
    company: UUID
    role: Role
    hidden: frozenset[str]
    """The fields that the role does not see."""

    async def read(self, service: Internal, path: str, **query: Any) -> Any:
        """What a service answers about the company, without what the role does not see."""
        return without(await service.get(path, company=self.company, **query), self.hidden)


def source_of(request: Request) -> Source:
    """Where a request comes from, for the audit log."""
    address = request.client.host if request.client else "unknown"
    return Source(address, shortened(request.headers.get("user-agent", "")))


async def record(
    tx: Tx, access: Access, request: Request, action: Action, subject: str, detail: str = ""
) -> None:
    """Append what a person did in a company to its administration audit log."""
    entry = Entry(action, access.person.actor, source_of(request), subject, detail)
    await audit.add_entry(tx, [access.company], entry)


def check_url(deps: Deps, url: str) -> None:
    """Raises `invalid` for an address of somebody else's that may not be posted to."""
    try:
        check_base_url(url.partition("?")[0])
        Allowed(None, deps.settings.egress.loopback).check(url)
    except ValueError as error:
        raise ProblemError("invalid", f"`url`: {error}.") from None


def page_address(deps: Deps, request: Request, path: str) -> str:
    """A page of the console, as browsers reach it."""
    return (deps.settings.public_url or str(request.base_url)).rstrip("/") + path


async def change_settings(
    deps: Deps, tx: Tx, company: UUID, actor: str, change: Callable[[CompanySettings], CompanySettings]
) -> CompanySettings:
    """Change the settings under their lock, and publish the whole new document; nothing is published when nothing changed."""
    before = await companies.lock_company(tx, company)
    after = change(before)
    if after == before:
        return before
    version = before.version + 1
    same = after.what_is_written() == before.what_is_written()
    written = before.written_version if same else version
    after = after.model_copy(update={"version": version, "written_version": written})
    await companies.save_company(tx, after)
    await tell_settings(deps, tx, after, actor)
    return after


async def tell_settings(deps: Deps, tx: Tx, settings: CompanySettings, actor: str) -> None:
    """Publish the whole document, and keep it among the versions."""
    await versions.add_version(tx, settings, actor)
    body = SettingsChanged(company_id=settings.company_id, settings=settings)
    await deps.outbox.append(tx, [Outgoing(body, settings.company_id, actor=actor)])
