"""What mapper keeps of a record of either account: what it shows, the normal forms that it compares, and its keys."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.mapper.core.names import family_words
from services.mapper.core.profile import Profile, keys_of, number_text, profile_of
from services.mapper.core.scope import traits_of
from shared.domain.employee import Employee
from shared.domain.search import searchable


class Facts(NamedTuple):
    """One record, as a row of the table: the fields stand in the order of its columns, the normal forms as in `Profile`."""

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
    first_form: str = ""
    middle_form: str = ""
    last_form: str = ""
    generation: int | None = None
    firm: bool = False
    gender: str = ""
    number_form: str = ""
    number_digits: str = ""
    email_form: str = ""
    phones: list[str] = []  # noqa: RUF012  (never changed; the driver reads arrays as lists)
    born: date | None = None
    hired: date | None = None
    house: str = ""
    street: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal: str = ""
    last_words: list[str] = []  # noqa: RUF012
    keys: list[int] = []  # noqa: RUF012
    traits: list[int] = []  # noqa: RUF012
    search: str = ""
    """What people find it by."""

    @property
    def live(self) -> bool:
        """Whether it stands in its directory and could be read."""
        return self.state == "present"

    @property
    def name(self) -> str:
        """The name as people write it."""
        return " ".join(n for n in (self.first_name, self.last_name) if n)

    def profile(self) -> Profile:
        """The record as it is compared."""
        return Profile(
            self.record_id, self.active, self.first_form, self.middle_form, self.last_form, self.generation, self.firm,
            self.gender, self.number_form, self.number_digits, number_text(self.number), self.email_form,
            tuple(self.phones), self.born, self.hired,
            self.house, self.street, self.line2, self.city, self.region, self.postal,
        )  # fmt: skip


def facts_of(
    company: UUID, record: UUID, account: UUID, remote_id: str, rev: int, employee: Employee
) -> Facts:
    """The facts of a readable record."""
    p = profile_of(record, employee)
    first, shown_last = employee.first_name, employee.last_name
    if first is None and shown_last is None:
        shown_last = employee.display_name
    return Facts(
        company, record, account, remote_id, rev, "present", employee.active is not False, employee.number,
        employee.email, first, shown_last,
        p.first, p.middle, p.last, p.generation, p.firm, p.gender, p.number, p.number_digits, p.email, list(p.phones),
        p.born, p.hired, p.house, p.street, p.line2, p.city, p.state, p.postal, sorted(set(family_words(p.last))),
        sorted(keys_of(p)), traits_of(employee),
        searchable(" ".join(filter(None, (first, shown_last, first, employee.number, employee.email)))),
    )  # fmt: skip


def removed(facts: Facts, rev: int) -> Facts:
    """The same record, gone: it matches nobody."""
    return facts._replace(rev=rev, state="removed", keys=[])
