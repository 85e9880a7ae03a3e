"""Two companies sync the same two accounts in opposite directions, by whatever mappings: they stop by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.syncer import core
from services.syncer.core import PushState, RecordState, Snapshot
from services.syncer.core.loops import AT_MOST
from shared.domain.employee import Employee
from shared.domain.mapping import FieldMapping
from shared.domain.settings import Account, CompanySettings, Route, Rules
from shared.domain.values import Situation, Status
from shared.domain.versions import Reading
from tests.unit.syncer.test_core import linked

LINARC, QBO = UUID(int=2), UUID(int=3)
RECORDS = {LINARC: UUID(int=4), QBO: UUID(int=5)}
SYSTEMS = {LINARC: "linarc", QBO: "quickbooks"}
AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
FIELDS = ("first_name", "middle_name", "last_name")


def _company(source: UUID, mapping: tuple[FieldMapping, ...]) -> CompanySettings:
    accounts = tuple(
        Account(account_id=i, system=name, environment="test", tenant_id="1", base_url="http://x")
        for i, name in SYSTEMS.items()
    )
    (there,) = SYSTEMS.keys() - {source}
    rules = Rules(auto_sync=True, mapping=mapping)
    route = Route(source=source, destination=there, rules=rules)
    return CompanySettings(company_id=UUID(int=9), version=1, name="x", accounts=accounts, route=route)


@dataclass
class Accounts:
    """One person in both systems, and what each company keeps of them; hooks tell both companies of every write at once."""

    companies: dict[UUID, RecordState]
    people: dict[UUID, Employee]
    rev: int = 1
    writes: int = 0
    at: datetime = field(default=AT)

    def told(self, account: UUID) -> None:
        """Both companies hear of the record as it is now."""
        self.rev += 1
        reading = Reading(str(self.rev), None, self.at, self.at)
        person = Snapshot(RECORDS[account], account, "1", self.rev, "present", self.people[account], reading)
        for source, state in self.companies.items():
            if source == account:
                self.companies[source] = state._replace(
                    source=person, automatic_rev=self.rev, link_source_rev=self.rev
                )
            else:
                self.companies[source] = state._replace(destination=person)

    def push(self, source: UUID) -> bool:
        """What this company pushes by itself now is written; whether there was anything."""
        state = self.companies[source]
        push = core.decide(state, lane="real_time").push
        if push is None or push.state is not PushState.PLANNED or not push.fields:
            return False
        (there,) = SYSTEMS.keys() - {source}
        self.writes += 1
        self.at += timedelta(seconds=1)
        self.people[there] = self.people[there].overlaid(Employee.model_validate(core.values(push)))
        self.told(there)
        state = self.companies[source]
        assert state.destination is not None
        known = state.destination
        self.companies[source] = core.succeeded(state, push, known, known, action=push.action, at=self.at)
        return True


_values = st.sampled_from(["A", "B", "C"])
_entries = st.lists(
    st.one_of(
        st.builds(FieldMapping, destination=st.sampled_from(FIELDS), source=st.sampled_from(FIELDS)),
        st.builds(
            FieldMapping,
            destination=st.sampled_from(FIELDS),
            template=st.sampled_from([f"{{{one}}} {{{other}}}" for one in FIELDS for other in FIELDS]),
        ),
        st.builds(FieldMapping, destination=st.sampled_from(FIELDS), constant=_values),
    ),
    max_size=3,
    unique_by=lambda entry: entry.destination,
).map(tuple)
_people = st.builds(
    Employee, first_name=_values, middle_name=_values, last_name=_values, active=st.just(True)
)


def _accounts(
    there: tuple[FieldMapping, ...], back: tuple[FieldMapping, ...], here: Employee, far: Employee
) -> Accounts:
    companies = {
        source: linked(
            settings=_company(source, mapping),
            situation=Situation.LINKED,
            destination_record_id=RECORDS[other],
            destination_remote_id="1",
        )
        for source, other, mapping in ((LINARC, QBO, there), (QBO, LINARC, back))
    }
    found = Accounts(companies, {LINARC: here, QBO: far})
    found.told(LINARC)
    found.told(QBO)
    return found


def _run(accounts: Accounts, first: UUID) -> None:
    (second,) = SYSTEMS.keys() - {first}
    for _ in range(4 * AT_MOST):
        if not (accounts.push(first) | accounts.push(second)):
            return


@settings(deadline=None)
@given(_entries, _entries, _people, _people, st.sampled_from([LINARC, QBO]))
def test_two_opposite_routes_never_write_without_end(
    there: tuple[FieldMapping, ...],
    back: tuple[FieldMapping, ...],
    here: Employee,
    far: Employee,
    first: UUID,
) -> None:
    accounts = _accounts(there, back, here, far)

    _run(accounts, first)

    assert not accounts.push(LINARC)
    assert not accounts.push(QBO)
    assert accounts.writes <= 2 * AT_MOST + 2


@pytest.mark.reason("changing_back_and_forth")
def test_names_that_are_exchanged_each_time_stop_and_say_so() -> None:
    exchanged = (
        FieldMapping(destination="first_name", source="last_name"),
        FieldMapping(destination="last_name", source="first_name"),
    )
    here = Employee(first_name="A", last_name="B", active=True)
    accounts = _accounts(exchanged, (), here, here)

    _run(accounts, LINARC)

    shown = [core.sync_status(state, None) for state in accounts.companies.values()]
    assert (Status.NEEDS_ACTION, "changing_back_and_forth") in [one[:2] for one in shown]
    assert accounts.writes <= 8


def test_a_person_who_edits_often_is_synced_each_time() -> None:
    """New values are no loop; an hour later neither is the same one."""
    here = Employee(first_name="A", last_name="B", active=True)
    accounts = _accounts((), (), here, here)
    for n in range(AT_MOST - 1):
        accounts.people[LINARC] = Employee(first_name=f"A{n}", last_name="B", active=True)
        accounts.told(LINARC)
        assert accounts.push(LINARC)
    accounts.at += timedelta(hours=1, seconds=30)
    accounts.people[LINARC] = here
    accounts.told(LINARC)
    assert accounts.push(LINARC)
