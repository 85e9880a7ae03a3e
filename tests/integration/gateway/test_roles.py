"""Every operation of the API, asked by everybody: a stranger, another company's administrator, too low a role, enough."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import yaml

from services.gateway.api.needs import Need
from services.gateway.core import secret_hash
from services.gateway.store import installation, members, users
from services.gateway.store.audit import Source
from shared.domain.visibility import Role
from tests.integration.gateway.conftest import World

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "docs/openapi.yaml").read_text())
LEAVING = ("delete", "/v1/companies/{company}/members/{user}")
"""A viewer may do it to themselves alone, so it is asked last, for oneself; a key has no self."""
Needs = Mapping[tuple[str, str], Need]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks."""

    name: str
    role: Role | None = None
    """In the company that is asked about."""
    works: Role | None = None
    """In the installation."""
    user: UUID | None = None
    key: str = ""

    def expected(self, need: Need) -> set[int]:
        """How they are refused; nothing: they are not."""
        if need is Need.NOTHING:
            return set()
        if self.user is None and not self.key:
            return {401}
        if need is Need.ACCOUNT:
            return {403} if self.key else set()
        if need is Need.MEMBER and self.key:
            return {403}
        need = Need.VIEWER if need is Need.MEMBER else need
        for role in Role:
            if need is Need.in_company(role):
                return {404} if self.role is None else {403} if self.role < role else set()
        for role in (Role.OPERATOR, Role.ADMIN):
            if need is Need.in_installation(role):
                return {403} if self.works is None or self.works < role else set()
        return set()


class _Ids(dict[str, str]):
    """What stands in a path: the company, and things that are not there."""

    def __missing__(self, name: str) -> str:
        known = {"token": secrets.token_urlsafe(32), "service": "history", "letter": "1", "version": "1"}
        return known.get(name, str(uuid4()))


async def _person(world: World, name: str) -> UUID:
    user = uuid4()
    async with world.database.system() as tx:
        assert await users.add_user(tx, user, f"{name}@muster.example", name, "none")
    return user


async def _callers(world: World, path: str) -> list[Caller]:
    """People and keys of every kind; each company has an administrator besides."""
    company = UUID(path.rsplit("/", 1)[-1])
    foreign = UUID((await world.company()).rsplit("/", 1)[-1])
    found = [Caller("stranger")]
    for role in Role:
        name = role.name.lower()
        user = await _person(world, name)
        made = await world.call("POST", f"{path}/api-keys", json={"name": name, "role": name}, expected=201)
        found += [Caller(name, role, user=user), Caller(f"key of a {name}", role, key=made["key"])]
        async with world.database.system() as tx:
            await members.add_member(tx, company, user, name)
    other = await _person(world, "other")
    async with world.database.system() as tx:
        await members.add_member(tx, foreign, other, "admin")
    found.append(Caller("another company's admin", user=other))
    for role in (Role.OPERATOR, Role.ADMIN):
        user = await _person(world, f"installation-{role.name.lower()}")
        async with world.database.system() as tx:
            await installation.set_role(tx, user, role)
        found.append(Caller(f"installation {role.name.lower()}", works=role, user=user))
    return found


async def _headers(world: World, caller: Caller) -> list[tuple[bytes, bytes]]:
    """With a key, or a new session: operations on one's own account end sessions, so they come last."""
    headers = {"host": "gateway.example", "x-muster": "1", "content-type": "application/json"}
    if caller.key:
        headers["authorization"] = f"Bearer {caller.key}"
    elif caller.user is not None:
        token = secrets.token_urlsafe(32)
        async with world.database.system() as tx:
            await users.start_session(
                tx, secret_hash(token), caller.user, "password", Source("192.0.2.9", "test")
            )
        headers["cookie"] = f"muster_session={token}"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _status(world: World, method: str, path: str, headers: list[tuple[bytes, bytes]]) -> int:
    """What is answered, without waiting for the end of a stream."""
    answered: asyncio.Future[tuple[int, bool]] = asyncio.get_running_loop().create_future()
    bodies = iter([{"type": "http.request", "body": b"" if method in ("get", "delete") else b"{}"}])

    async def receive() -> Any:
        if (body := next(bodies, None)) is not None:
            return body
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            kinds = [value for name, value in message["headers"] if name == b"content-type"]
            answered.set_result((message["status"], any(b"event-stream" in kind for kind in kinds)))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method.upper(), "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": headers, "client": ("192.0.2.9", 1),
        "server": ("gateway.example", 80), "scheme": "http", "root_path": "",
    }  # fmt: skip
    task = asyncio.create_task(world.app(scope, receive, send))
    status, endless = await answered
    if endless:
        task.cancel()
    await asyncio.wait({task})
    return status


async def _walk(world: World, path: str, callers: Sequence[Caller], needs: Needs) -> list[tuple[Any, ...]]:
    """Every operation by everybody; what was not answered as the operation's need says."""
    wrong: list[tuple[Any, ...]] = []
    lasting = {caller: await _headers(world, caller) for caller in callers}
    for (method, place), need in sorted(
        needs.items(), key=lambda one: (one[0] == LEAVING, one[1] is Need.ACCOUNT)
    ):
        ends = need is Need.ACCOUNT or (method, place) == LEAVING
        for caller in callers:
            ids = _Ids(company=path.rsplit("/", 1)[-1])
            if (method, place) == LEAVING:
                if caller.key:
                    continue
                ids["user"] = str(caller.user)
            headers = await _headers(world, caller) if ends else lasting[caller]
            status = await _status(world, method, place.format_map(ids), headers)
            expected = caller.expected(need)
            good = status in expected if expected else status not in (401, 403) and status < 500
            if not good:
                wrong.append((method, place, need.label, caller.name, status))
    return wrong


def _needs() -> dict[tuple[str, str], Need]:
    labels = {need.label: need for need in Need}
    return {
        (method, place): labels[operation["x-needs"]]
        for place, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }


async def test_every_operation_refuses_who_may_not_and_nobody_else(admin: World) -> None:
    needs, path = _needs(), await admin.company()
    callers = await _callers(admin, path)
    assert await _walk(admin, path, callers, needs) == []
    assert len(needs) > 120 and set(needs.values()) == set(Need)


async def test_a_route_that_asks_for_less_or_more_than_it_says_is_found(admin: World) -> None:
    """The negative control, with what two routes say changed."""
    path = await admin.company()
    callers = await _callers(admin, path)
    less = {("get", "/v1/companies/{company}/members"): Need.VIEWER}
    more = {("get", "/v1/companies/{company}/people"): Need.OPERATOR}
    found = await _walk(admin, path, callers, {**less, **more})
    assert {(place.rsplit("/", 1)[-1], who) for _, place, _, who, _ in found} == {
        ("members", "viewer"), ("members", "key of a viewer"), ("members", "operator"), ("members", "key of a operator"),
        ("people", "viewer"), ("people", "key of a viewer"),
    }  # fmt: skip
