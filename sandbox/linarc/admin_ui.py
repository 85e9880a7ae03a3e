"""Linarc's company directory in a browser, as its administrator has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sandbox.linarc import employee
from sandbox.linarc.accounts import Accounts, Refusal
from sandbox.linarc.employee import LENGTHS, stamp
from sandbox.linarc.problem import Problem
from sandbox.pages import Action, Field, Values, Wrong, nested
from sandbox.state import Sandbox
from sandbox.store import Entry, Row

INVITE = Action("invite", "Send invitation")
SUSPEND = Action("suspend", "Suspend", bad=True)
DEACTIVATE = Action("deactivate", "Deactivate", bad=True)
REACTIVATE = Action("reactivate", "Reactivate")


def _text(path: str, label: str) -> Field:
    return Field(path, label, most=LENGTHS[path])


class LinarcAdminUi:
    """Implements `pages.AdminUi`."""

    brand = "Linarc sandbox"
    groups: Sequence[tuple[str, Sequence[Field]]] = (
        (
            "Name",
            (
                _text("first_name", "First name"),
                _text("middle_name", "Middle name"),
                _text("last_name", "Last name"),
                _text("suffix", "Suffix"),
            ),
        ),
        (
            "Work",
            (
                _text("employee_number", "Employee ID"),
                _text("title", "Title"),
                _text("department", "Department"),
                _text("permission_level", "Permission level"),
                _text("pay_type", "Pay type"),
                Field("hourly_rate", "Billing for each hour", "number"),
                Field("cost_rate", "Cost to company", "number"),
                Field("hire_date", "Hired", "date"),
            ),
        ),
        (
            "Person",
            (
                Field("email", "E-mail", "email", LENGTHS["email"]),
                _text("phone", "Phone"),
                _text("mobile", "Mobile"),
                Field("birth_date", "Born", "date"),
                _text("gender", "Gender"),
            ),
        ),
        (
            "Address",
            (
                Field("address.line1", "Street"),
                Field("address.line2", "Second line"),
                Field("address.city", "City"),
                Field("address.state", "State"),
                Field("address.postal_code", "Postal code"),
                Field("address.country", "Country"),
            ),
        ),
    )
    columns: Sequence[tuple[str, str]] = (
        ("State", "state"),
        ("Employee ID", "employee_number"),
        ("E-mail", "email"),
        ("Title", "title"),
        ("Department", "department"),
        ("Changed", "updated_at"),
    )
    searched: Sequence[str] = ("first_name", "last_name", "employee_number", "email")

    def __init__(self, sandbox: Sandbox, accounts: Accounts) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._accounts = accounts

    def links(self) -> Sequence[tuple[str, str]]:
        return (("/login", "Log-in page"),)

    def name(self, person: Mapping[str, Any]) -> str:
        parts = ("first_name", "middle_name", "last_name", "suffix")
        return " ".join(person[part] for part in parts if person[part])

    def state(self, person: Mapping[str, Any]) -> str:
        return str(person["state"])

    def actions(self, person: Mapping[str, Any]) -> Sequence[Action]:
        if person["state"] in employee.INACTIVE:
            return (REACTIVATE,)
        return (INVITE, SUSPEND, DEACTIVATE)

    def create(self, scope: str, values: Values) -> Row:
        body = nested(values, self)
        try:
            with self._store.transaction():
                row = employee.created(self._store, scope, body)
                self._store.insert(scope, row)
                self._note(scope, None, row, body)
        except Problem as refused:
            raise Wrong(refused.detail, refused.field) from refused
        return row

    def save(self, scope: str, row: Row, values: Values) -> Row:
        body = nested(values, self)
        try:
            with self._store.transaction():
                changed = employee.patched(self._store, scope, row, body)
                self._store.update(scope, changed)
                self._note(scope, row, changed, body)
        except Problem as refused:
            raise Wrong(refused.detail, refused.field) from refused
        return changed

    def _note(self, scope: str, before: Row | None, row: Row, body: dict[str, Any]) -> None:
        remote_id = employee.remote_id(row.num)
        self._store.record(scope, Entry("hand_edit", "applied", remote_id, body=orjson.dumps(body)))
        self._sandbox.changed(scope, before, row)

    def act(self, scope: str, row: Row, action: str) -> str:
        now = self._store.now()
        if action == "invite":
            try:
                _, token = self._accounts.invite(scope, row)
            except Refusal as refused:
                raise Wrong(str(refused)) from refused
            return f"Invitation sent. This is the link in it: /accept?token={token}"
        changed = {
            "suspend": lambda: employee.moved(row, "suspended", now),
            "deactivate": lambda: employee.deactivated(row, stamp(now)[:10], now),
            "reactivate": lambda: employee.reactivated(row, now),
        }[action]()
        with self._store.transaction():
            self._store.update(scope, changed)
            self._note(scope, row, changed, {"action": action})
        return "Done."
