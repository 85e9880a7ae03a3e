"""QuickBooks' employees in a browser, under the rules that its own page has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sandbox.pages import Action, Field, Values, Wrong, nested
from sandbox.quickbooks import employee
from sandbox.quickbooks.employee import rules_of
from sandbox.quickbooks.faults import Refused
from sandbox.quickbooks.fields import LENGTHS
from sandbox.state import Sandbox
from sandbox.store import Entry, Row

FLAG = ("true", "false")


def _named(path: str, label: str) -> Field:
    return Field(path, label, most=LENGTHS[path])


class QuickBooksAdminUi:
    """Implements `pages.AdminUi`."""

    brand = "QuickBooks Online sandbox"
    groups: Sequence[tuple[str, Sequence[Field]]] = (
        (
            "Name",
            (
                _named("Title", "Title"),
                _named("GivenName", "Given name"),
                _named("MiddleName", "Middle name"),
                _named("FamilyName", "Family name"),
                _named("Suffix", "Suffix"),
                _named("DisplayName", "Display name (empty: from the others)"),
                _named("PrintOnCheckName", "Name on cheques (empty: the display name)"),
            ),
        ),
        (
            "Employment",
            (
                _named("EmployeeNumber", "Employee number"),
                Field("HiredDate", "Hired", "date"),
                Field("ReleasedDate", "Released", "date"),
                Field("BillableTime", "Billable", "choice", choices=FLAG),
                Field("BillRate", "Bill rate", "number"),
                Field("CostRate", "Cost rate", "number"),
                Field("Active", "Active", "choice", choices=FLAG),
            ),
        ),
        (
            "Person",
            (
                Field("PrimaryEmailAddr.Address", "E-mail", "email", 100),
                Field("PrimaryPhone.FreeFormNumber", "Phone", most=20),
                Field("Mobile.FreeFormNumber", "Mobile", most=20),
                Field("BirthDate", "Born", "date"),
                Field("Gender", "Gender", "choice", choices=("", "Female", "Male")),
            ),
        ),
        (
            "Address",
            (
                Field("PrimaryAddr.Line1", "Street"),
                Field("PrimaryAddr.Line2", "Second line"),
                Field("PrimaryAddr.City", "City", most=255),
                Field("PrimaryAddr.CountrySubDivisionCode", "State", most=255),
                Field("PrimaryAddr.PostalCode", "Postal code", most=30),
                Field("PrimaryAddr.Country", "Country", most=255),
            ),
        ),
    )
    columns: Sequence[tuple[str, str]] = (
        ("Id", "Id"),
        ("Number", "EmployeeNumber"),
        ("E-mail", "PrimaryEmailAddr.Address"),
        ("Phone", "PrimaryPhone.FreeFormNumber"),
        ("Active", "Active"),
        ("Changed", "MetaData.LastUpdatedTime"),
    )
    searched: Sequence[str] = ("DisplayName", "EmployeeNumber", "PrimaryEmailAddr.Address")

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store

    def links(self) -> Sequence[tuple[str, str]]:
        return (("/usage", "Calls"),)

    def name(self, person: Mapping[str, Any]) -> str:
        return str(person["DisplayName"])

    def state(self, person: Mapping[str, Any]) -> str:
        return "active" if person["Active"] else "inactive"

    def actions(self, person: Mapping[str, Any]) -> Sequence[Action]:
        return ()

    def create(self, scope: str, values: Values) -> Row:
        body = nested(values, self)
        rules = rules_of(self._sandbox, scope)
        try:
            with self._store.transaction():
                row = employee.created(self._store, scope, body, rules, self._store.next_num(scope))
                self._store.insert(scope, row)
                self._note(scope, None, row, body)
        except Refused as refused:
            raise _wrong(refused) from refused
        return row

    def save(self, scope: str, row: Row, values: Values) -> Row:
        """A full update; what the form does not show stays, and a name that was made stays made."""
        old = orjson.loads(row.data)
        body = {
            **old,
            **{
                k: {**old.get(k, {}), **v} if isinstance(v, dict) else v
                for k, v in nested(values, self).items()
            },
        }
        rules = rules_of(self._sandbox, scope)
        if rules.payroll:
            body = {name: value for name, value in body.items() if name != "SSN"}
        try:
            with self._store.transaction():
                before, changed = employee.updated(self._store, scope, body, rules)
                self._store.update(scope, changed)
                self._note(scope, before, changed, body)
        except Refused as refused:
            raise _wrong(refused) from refused
        return changed

    def _note(self, scope: str, before: Row | None, row: Row, body: dict[str, Any]) -> None:
        self._store.record(scope, Entry("hand_edit", "applied", str(row.num), body=orjson.dumps(body)))
        self._sandbox.changed(scope, before, row)

    def act(self, scope: str, row: Row, action: str) -> str:
        raise Wrong("There is nothing to do but edit.")


def _wrong(refused: Refused) -> Wrong:
    error = refused.fault["Error"][0]
    return Wrong(f"{error['Message']}: {error['Detail']} (code {refused.code})", error["element"] or None)
