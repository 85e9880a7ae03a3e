"""What mapper keeps of a record of either account: what it compares, and the keys by which it finds."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.mapper.core.normalise import email_key, name_keys, number_key, phone_key
from shared.contracts.records import Employee


class Facts(NamedTuple):
    """One record, as a row of the table: the fields stand in the order of its columns.

    A one-letter slip in one of the two names leaves the other name whole, and leaves the first or the last letter of the
    slipped one in place; so one of the four blocks is equal, wherever the slip is (names of one letter apart). Slips in
    both names are found only by telephone or by last name and birth date.
    """

    company_id: UUID
    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    state: str
    active: bool
    number: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    birth_date: date | None = None
    number_key: str | None = None
    email_key: str | None = None
    phone_key: str | None = None
    first_key: str = ""
    last_key: str = ""
    block_a: str | None = None
    block_b: str | None = None
    block_c: str | None = None
    block_d: str | None = None
    born_key: str | None = None

    @property
    def live(self) -> bool:
        """Whether it stands in its directory and could be read."""
        return self.state == "present"

    @property
    def name(self) -> str:
        """The name as people write it."""
        return " ".join(n for n in (self.first_name, self.last_name) if n)


def facts_of(
    company: UUID, record: UUID, account: UUID, remote_id: str, rev: int, employee: Employee
) -> Facts:
    """The facts of a readable record."""
    first, last = name_keys(employee.first_name, employee.last_name, employee.display_name)
    f, n = first.replace(" ", ""), last.replace(" ", "")
    named = bool(f or n)
    shown_last = employee.last_name
    if employee.first_name is None and shown_last is None:
        shown_last = employee.display_name
    return Facts(
        company,
        record,
        account,
        remote_id,
        rev,
        "present",
        employee.active is not False,
        employee.number,
        employee.email,
        employee.first_name,
        shown_last,
        employee.birth_date,
        number_key(employee.number),
        email_key(employee.email),
        phone_key(employee.mobile, employee.phone),
        first,
        last,
        f"{n}|{f[:1]}" if named else None,
        f"{f}|{n[:1]}" if named else None,
        f"{n}|{f[-1:]}$" if named else None,
        f"{f}|{n[-1:]}$" if named else None,
        f"{n}|{employee.birth_date}" if n and employee.birth_date else None,
    )


def removed(facts: Facts, rev: int) -> Facts:
    """The same record, gone: it matches nobody."""
    return facts._replace(
        rev=rev, state="removed", number_key=None, email_key=None, phone_key=None,
        block_a=None, block_b=None, block_c=None, block_d=None, born_key=None,
    )  # fmt: skip
