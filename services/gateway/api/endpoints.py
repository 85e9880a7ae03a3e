"""Addresses that receive a company's events (outgoing webhooks), and their deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import Field

from services.gateway.api.callers import admin
from services.gateway.api.common import Access, Deps, Input, check_url, record
from services.gateway.core import Secret
from services.gateway.store import deliveries as on_the_way
from services.gateway.store import endpoints as stored
from services.gateway.store.endpoints import NewEndpoint
from shared.contracts.feed import (
    DeliveryPage,
    DeliveryView,
    EndpointList,
    EndpointView,
)
from shared.contracts.feed import (
    NewEndpoint as Created,
)
from shared.db.seal import Sealer
from shared.db.tx import Tx
from shared.http.problems import ProblemError
from shared.standard_webhooks import new_secret

MOST = 20
_GONE = "There is no such endpoint here."
Url = Annotated[str, Field(min_length=8, max_length=2000, examples=["https://hooks.example.com/muster"])]
Types = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+)*$", max_length=60)], ...],
    Field(
        max_length=100, description="Types of events to receive, such as `status.changed`; none means all."
    ),
]
Text = Annotated[str, Field(max_length=200)]


class EndpointInput(Input):
    """An address, and which events it receives."""

    url: Url
    types: Types = ()
    description: Text = ""


class EndpointChange(Input):
    """What to change; what is left out stays. `active` also ends a disabling."""

    url: Url | None = None
    types: Types | None = None
    description: Text | None = None
    state: Literal["active", "paused"] | None = None


def make(deps: Deps) -> APIRouter:
    """Endpoints of one company, for its administrators."""
    routes = APIRouter(prefix="/v1/companies/{company}/endpoints", tags=["endpoints"])
    _administration(routes, deps)
    _deliveries(routes, deps)
    return routes


def _administration(routes: APIRouter, deps: Deps) -> None:
    @routes.post("", status_code=201, response_model=Created)
    async def create_endpoint(
        body: EndpointInput, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Send the company's events to an address, from now on. The secret, which signs them, is shown only once."""
        check_url(deps, body.url)
        head = (await deps.history.get("/feed", company=access.company, after=2**62, limit=1))["head"]
        secret, endpoint = new_secret(), deps.clock.new_id()
        new = NewEndpoint(
            endpoint, body.url, body.types, body.description, [Secret(secret)], head, access.person.actor
        )
        async with deps.database.transaction([access.company]) as tx:
            if len(await stored.list_endpoints(tx, access.company)) >= MOST:
                raise ProblemError("conflict", f"A company has at most {MOST} endpoints. Remove one first.")
            await stored.add_endpoint(tx, _sealer(deps), access.company, new)
            await record(tx, access, request, "endpoint.created", f"endpoint:{endpoint}", _host(body.url))
            made = {**_view(await _one(tx, access, endpoint)), "secret": secret}
        deps.on_events(access.company)
        return made

    @routes.get("", response_model=EndpointList)
    async def endpoints(access: Access = admin(deps)) -> dict[str, Any]:
        """The company's endpoints, and how they do."""
        async with deps.database.transaction([access.company]) as tx:
            return {"items": [_view(row) for row in await stored.list_endpoints(tx, access.company)]}

    @routes.patch("/{endpoint}", response_model=EndpointView)
    async def change_endpoint(
        endpoint: UUID, body: EndpointChange, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Change, pause or resume an endpoint. Events that come while it is paused are delivered afterwards."""
        if body.url is not None:
            check_url(deps, body.url)
        async with deps.database.transaction([access.company]) as tx:
            await stored.change_endpoint(
                tx, access.company, endpoint, body.url, body.types, body.description, body.state
            )
            found = await _one(tx, access, endpoint)
            what = " ".join(filter(None, (body.state, body.url and _host(body.url))))
            await record(tx, access, request, "endpoint.changed", f"endpoint:{endpoint}", what)
        deps.on_events(access.company)
        return _view(found)

    @routes.delete("/{endpoint}", status_code=204)
    async def delete_endpoint(endpoint: UUID, request: Request, access: Access = admin(deps)) -> None:
        """Send nothing there any more, and forget its deliveries."""
        async with deps.database.transaction([access.company]) as tx:
            if not await stored.drop_endpoint(tx, access.company, endpoint):
                raise ProblemError("not-found", _GONE)
            await record(tx, access, request, "endpoint.deleted", f"endpoint:{endpoint}")

    @routes.post("/{endpoint}/secret", status_code=201, response_model=Created)
    async def rotate_endpoint_secret(
        endpoint: UUID, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """A new secret, shown only once. For a day deliveries are signed with the old one as well."""
        secret = new_secret()
        async with deps.database.transaction([access.company]) as tx:
            if not await stored.rotate_secret(
                tx, _sealer(deps), access.company, endpoint, secret, deps.clock.now()
            ):
                raise ProblemError("not-found", _GONE)
            await record(tx, access, request, "endpoint.changed", f"endpoint:{endpoint}", "secret")
            return {**_view(await _one(tx, access, endpoint)), "secret": secret}


def _deliveries(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/{endpoint}/deliveries", response_model=DeliveryPage)
    async def deliveries(
        endpoint: UUID,
        state: Annotated[Literal["waiting", "delivered", "failed"] | None, Query()] = None,
        after: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        access: Access = admin(deps),
    ) -> dict[str, Any]:
        """Deliveries to an endpoint, newest first, with how the last try ended. They are kept for 30 days."""
        async with deps.database.transaction([access.company]) as tx:
            await _one(tx, access, endpoint)
            rows = await on_the_way.list_deliveries(tx, access.company, endpoint, state, after, limit)
        items = [dict(row.items()) | {"event": orjson.loads(row["event"])} for row in rows]
        return {"items": items, "next": items[-1]["delivery_id"] if len(items) == limit else None}

    @routes.post("/{endpoint}/deliveries/{delivery}/redeliver", status_code=202)
    async def redeliver(endpoint: UUID, delivery: int, access: Access = admin(deps)) -> None:
        """Send an event again, whether it had arrived or not."""
        if not 0 < delivery < 2**62:
            raise ProblemError("not-found", "There is no such delivery here.")
        async with deps.database.transaction([access.company]) as tx:
            if not await on_the_way.deliver_again(tx, access.company, endpoint, delivery):
                raise ProblemError("not-found", "There is no such delivery here.")
        deps.on_events(None)

    @routes.post("/{endpoint}/test", status_code=202, response_model=DeliveryView)
    async def test_endpoint(endpoint: UUID, access: Access = admin(deps)) -> dict[str, Any]:
        """Send an event of the type `endpoint.test`, which names nobody. How it went stands in its deliveries."""
        event = {
            "id": 0,
            "event_id": str(deps.clock.new_id()),
            "type": "endpoint.test",
            "time": deps.clock.now().isoformat(),
            "actor": access.person.actor,
        }
        async with deps.database.transaction([access.company]) as tx:
            found = await _one(tx, access, endpoint)
            if found["state"] != "active":
                raise ProblemError("conflict", f"The endpoint is {found['state']}. Make it active first.")
            number = await on_the_way.add_delivery(tx, access.company, endpoint, event)
            (row,) = await on_the_way.list_deliveries(tx, access.company, endpoint, None, number + 1, 1)
        deps.on_events(None)
        return dict(row.items()) | {"event": event}


def _host(url: str) -> str:
    """Where events go, for the audit log: the rest of an address may hold a secret."""
    return urlsplit(url).netloc


def _sealer(deps: Deps) -> Sealer:
    return Sealer(deps.settings.vault.listed())


async def _one(tx: Tx, access: Access, endpoint: UUID) -> Any:
    rows = await stored.list_endpoints(tx, access.company, endpoint)
    if not rows:
        raise ProblemError("not-found", _GONE)
    return rows[0]


def _view(row: Any) -> dict[str, Any]:
    return dict(row.items())
