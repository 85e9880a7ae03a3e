"""What each route needs of the one who asks: it says so by one dependency, and nowhere else. docs/roles.md lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Any, Self, TypeVar

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from shared.domain.visibility import Role

Check = TypeVar("Check", bound=Callable[..., Any])


class Need(IntEnum):
    """Who may ask; a route whose dependencies need several things needs the last of them."""

    NOTHING = 0, "anyone: one signs in by it, or the address holds the secret part of a link"
    SIGNED_IN = 1, "whoever is signed in, and every API key"
    ACCOUNT = 2, "a person who is signed in, for themselves; an API key has no account"
    VIEWER = 3, "looks, without birth dates, pay and home addresses"
    MEMBER = 4, "a viewer at least, in person, for themselves; no API key"
    OPERATOR = 5, "imports, pushes, matches and decides, besides"
    ADMIN = 6, "people, keys, connections, rules and the audit log, besides"
    INSTALLATION_OPERATOR = 7, "sees all companies as counts, and nobody in them"
    INSTALLATION_ADMIN = (
        8,
        "makes companies, helps people to sign in, reads the log of all sign-ins, names who works for this Muster",
    )

    text: str
    """Who that is, and what it is for."""

    def __new__(cls, rank: int, text: str) -> Self:
        """A number with its text."""
        need = int.__new__(cls, rank)
        need._value_, need.text = rank, text
        return need

    @classmethod
    def in_company(cls, least: Role) -> Need:
        """At least this role in the company of the path."""
        return cls[least.name]

    @classmethod
    def in_installation(cls, least: Role) -> Need:
        """At least this role in the installation."""
        return cls[f"INSTALLATION_{least.name}"]

    @property
    def label(self) -> str:
        """As the API's description and docs/roles.md say it."""
        return self.name.lower().replace("_", " ")


def needing(need: Need, check: Callable[..., Any]) -> Any:
    """The dependency that sees to it."""
    return Depends(marked(need, check))


def marked(need: Need, check: Check) -> Check:
    """The same function, which says what it sees to."""
    check.need = need  # type: ignore[attr-defined]  # read by `need_of` alone
    return check


def _nothing() -> None:
    """Nothing is asked."""


open_to_all = needing(Need.NOTHING, _nothing)


def need_of(route: APIRoute) -> Need:
    """What the route needs. Raises `ValueError` for one that does not say."""
    found = list(_needs(route.dependant))
    if not found:
        msg = f"{route.name} does not say who may ask: give it a dependency of services/gateway/api/needs.py"
        raise ValueError(msg)
    return max(found)


def _needs(dependant: Dependant) -> Iterable[Need]:
    for one in dependant.dependencies:
        need = getattr(one.call, "need", None)
        if need is not None:
            yield need
        yield from _needs(one)


def needs_of(routers: Iterable[APIRouter]) -> Iterator[tuple[APIRoute, Need]]:
    """What each of their routes needs."""
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route, need_of(route)


def is_open(routes: Iterable[APIRoute], scope: Scope) -> bool:
    """Whether one of these routes, which need nothing, is what is asked for."""
    return any(route.matches(scope)[0] is Match.FULL for route in routes)
