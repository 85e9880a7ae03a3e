"""The people of a sandbox in a browser: see, look up, add and edit them by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import IntegrityError
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from sandbox import control, web
from sandbox.state import Sandbox
from sandbox.store import Row

PAGE = 50
Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One input; `path` is the place in the employee's JSON, with a dot for each step."""

    path: str
    label: str
    kind: Literal["text", "date", "number", "email", "choice"] = "text"
    most: int = 500
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A button beside the form."""

    name: str
    label: str
    bad: bool = False


class Wrong(Exception):
    """What to tell the person at the form, and which field it is about."""

    def __init__(self, detail: str, path: str | None = None) -> None:
        super().__init__(detail)
        self.path = path


class AdminUi(Protocol):
    """How one system's people are shown and changed by hand, under the system's own rules."""

    brand: str
    groups: Sequence[tuple[str, Sequence[Field]]]
    columns: Sequence[tuple[str, str]]
    searched: Sequence[str]

    def links(self) -> Sequence[tuple[str, str]]:
        """Other pages, as (address, text)."""

    def name(self, person: Mapping[str, Any]) -> str:
        """How a person is called."""

    def state(self, person: Mapping[str, Any]) -> str:
        """What a person may do, in a word."""

    def actions(self, person: Mapping[str, Any]) -> Sequence[Action]:
        """What can be done beside editing."""

    def create(self, scope: str, values: Values) -> Row:
        """A new person. Raises `Wrong`."""

    def save(self, scope: str, row: Row, values: Values) -> Row:
        """The person changed. Raises `Wrong`."""

    def act(self, scope: str, row: Row, action: str) -> str:
        """Do it, and say what was done. Raises `Wrong`."""


def at(person: Mapping[str, Any], path: str) -> str:
    """The value at a path, as an input shows it."""
    value: Any = person
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def nested(values: Values, admin_ui: AdminUi) -> dict[str, Any]:
    """The fields of a form as JSON; an empty one is null. Raises `Wrong` when a number is none."""
    found: dict[str, Any] = {}
    for field in (field for _, fields in admin_ui.groups for field in fields):
        text = values.get(field.path, "").strip()
        value: Any = text or None
        if text and field.kind == "number":
            try:
                value = float(text)
            except ValueError as wrong:
                raise Wrong(f"{field.label} must be a number.", field.path) from wrong
        elif text in ("true", "false") and field.kind == "choice":
            value = text == "true"
        outer, _, inner = field.path.partition(".")
        if inner:
            found.setdefault(outer, {})[inner] = value
        else:
            found[outer] = value
    return found


def make_pages(sandbox: Sandbox, admin_ui: AdminUi, token: str) -> APIRouter:
    """Pages below /people; a sandbox with an admin token asks for it."""

    def guard(request: Request) -> None:
        web.admit(request, token)

    router = APIRouter(dependencies=[Depends(guard)])

    def page(request: Request, template: str, status: int = 200, /, **values: object) -> Response:
        scope = control.scope_of(sandbox, request)
        shared = {
            "brand": admin_ui.brand,
            "scope": scope,
            "scopes": sandbox.scopes,
            "links": admin_ui.links(),
        }
        return web.page(template, status, **shared, **values)

    def row_of(scope: str, remote_id: str) -> Row:
        num = sandbox.wire.num(remote_id)
        row = sandbox.store.get(scope, num) if num is not None else None
        if row is None:
            raise HTTPException(404, "no such person")
        return row

    def back(scope: str, remote_id: str, message: str) -> Response:
        query = urlencode({"scope": scope, "message": message})
        return RedirectResponse(f"/people/{remote_id}?{query}", 303)

    async def home(request: Request) -> Response:
        return RedirectResponse("/people", 303)

    async def people(request: Request) -> Response:
        scope = control.scope_of(sandbox, request)
        asked = request.query_params.get("q", "").strip()[:100]
        after = request.query_params.get("after", "")
        start = (sandbox.wire.num(after) or 0) if after else 0
        rows = sandbox.store.search(scope, start, PAGE + 1, admin_ui.searched, asked)
        shown = [orjson.loads(row.data) for row in rows[:PAGE]]
        return page(
            request,
            "people.html",
            asked=asked,
            columns=[label for label, _ in admin_ui.columns],
            people=[
                (
                    sandbox.wire.remote_id(row.num),
                    admin_ui.name(person),
                    [at(person, path) for _, path in admin_ui.columns],
                )
                for row, person in zip(rows, shown, strict=False)
            ],
            total=sandbox.store.count(scope, "", []),
            following=sandbox.wire.remote_id(rows[PAGE - 1].num) if len(rows) > PAGE else None,
        )

    def form(request: Request, row: Row | None, values: Values, wrong: Wrong | None = None) -> Response:
        person = orjson.loads(row.data) if row else {}
        return page(
            request,
            "person.html",
            422 if wrong else 200,
            remote_id=sandbox.wire.remote_id(row.num) if row else None,
            version=row.version if row else 0,
            name=admin_ui.name(person) if row else "New person",
            groups=admin_ui.groups,
            values=values,
            wrong=str(wrong) if wrong else None,
            culprit=wrong.path if wrong else None,
            state=admin_ui.state(person) if row else "",
            actions=admin_ui.actions(person) if row else (),
            message=request.query_params.get("message"),
        )

    def shown_values(row: Row) -> Values:
        person = orjson.loads(row.data)
        return {field.path: at(person, field.path) for _, fields in admin_ui.groups for field in fields}

    async def show(request: Request, remote_id: str) -> Response:
        row = row_of(control.scope_of(sandbox, request), remote_id)
        return form(request, row, shown_values(row))

    async def save(request: Request, remote_id: str) -> Response:
        scope, given = control.scope_of(sandbox, request), await web.form(request)
        row = row_of(scope, remote_id)
        try:
            if given.get("version") != str(row.version):
                raise Wrong("Somebody changed this person meanwhile. Reload the page, then edit again.")
            admin_ui.save(scope, row, given)
        except Wrong as wrong:
            return form(request, row, given, wrong)
        except IntegrityError:
            return form(request, row, given, Wrong("Somebody else has this number, name or e-mail address."))
        return back(scope, remote_id, "Saved.")

    async def fresh(request: Request) -> Response:
        return form(request, None, {})

    async def create(request: Request) -> Response:
        scope, given = control.scope_of(sandbox, request), await web.form(request)
        try:
            row = admin_ui.create(scope, given)
        except Wrong as wrong:
            return form(request, None, given, wrong)
        return back(scope, sandbox.wire.remote_id(row.num), "Added.")

    async def act(request: Request, remote_id: str, action: str) -> Response:
        scope = control.scope_of(sandbox, request)
        await web.form(request)
        row = row_of(scope, remote_id)
        if action not in {a.name for a in admin_ui.actions(orjson.loads(row.data))}:
            raise HTTPException(409, "this cannot be done now; reload the page")
        try:
            return back(scope, remote_id, admin_ui.act(scope, row, action))
        except Wrong as wrong:
            return form(request, row, shown_values(row), wrong)

    for method, path, call in (
        ("GET", "/", home),
        ("GET", "/people", people),
        ("GET", "/people/new", fresh),
        ("POST", "/people/new", create),
        ("GET", "/people/{remote_id}", show),
        ("POST", "/people/{remote_id}", save),
        ("POST", "/people/{remote_id}/{action}", act),
    ):
        router.add_api_route(path, call, methods=[method], response_model=None)
    return router
