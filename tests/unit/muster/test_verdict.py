"""The judge of `muster demo-run`: a good world passes, and each thing that may not be is seen."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from muster.verdict import Verdict, fields, judge

ADA = {
    "id": "lin_1",
    "employee_number": "E-1",
    "first_name": "Ada",
    "middle_name": "M",
    "last_name": "Miller",
    "suffix": "Jr.",
    "email": "Ada@stonecourse.example",
    "phone": "(415) 555-0101",
    "mobile": "415.555.0102",
    "title": "Foreman",
    "hourly_rate": 60.5,
    "cost_rate": 40,
    "hire_date": "2020-01-05",
    "end_date": "2026-10-01",
    "birth_date": "1980-02-03",
    "gender": "female",
    "address": {
        "line1": "1 Hill St",
        "line2": "Floor 2",
        "city": "Reno",
        "state": "NV",
        "postal_code": "89501",
        "country": "USA",
    },
    "state": "active",
}
ADA_THERE = {
    "Id": "1",
    "EmployeeNumber": "E-1",
    "GivenName": "Ada",
    "MiddleName": "M",
    "FamilyName": "Miller",
    "Suffix": "Jr.",
    "DisplayName": "Ada M Miller Jr.",
    "PrimaryEmailAddr": {"Address": "ada@stonecourse.example"},
    "PrimaryPhone": {"FreeFormNumber": "+14155550101"},
    "Mobile": {"FreeFormNumber": "+1 415 555 0102"},
    "BillableTime": True,
    "BillRate": 60.50,
    "CostRate": 40.0,
    "HiredDate": "2020-01-05",
    "ReleasedDate": "2026-10-01",
    "BirthDate": "1980-02-03",
    "Gender": "Female",
    "PrimaryAddr": {
        "Id": "101",
        "Line1": "1 Hill St",
        "Line2": "Floor 2",
        "City": "Reno",
        "CountrySubDivisionCode": "NV",
        "PostalCode": "89501",
        "Country": "USA",
    },
    "Active": True,
}
BOB = {"id": "lin_2", "first_name": "Bob", "last_name": "Baker", "state": "active"}
BOB_THERE = {"Id": "2", "GivenName": "Bob", "FamilyName": "Baker", "DisplayName": "Bob Baker", "Active": True}
EVE = {"id": "lin_3", "first_name": "Eve", "last_name": "Eaton", "state": "terminated"}
ZOE_THERE = {"Id": "9", "GivenName": "Zoe", "FamilyName": "Zander", "Active": True}


def record(remote_id: str, there: str | None, status: str = "synced", reason: str = "") -> dict[str, Any]:
    """A record as Muster shows it."""
    return {"remote_id": remote_id, "destination_remote_id": there, "status": status, "reason": reason}


@dataclass
class World:
    """Ada was there already, Bob was created, Eve needs a person, and Zoe is at the destination only."""

    records: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "ada": record("lin_1", "1"),
            "bob": record("lin_2", "2"),
            "eve": record("lin_3", None, "needs_action", "inactive_at_source"),
        }
    )
    linarc: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {p["id"]: deepcopy(p) for p in (ADA, BOB, EVE)}
    )
    quickbooks: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {p["Id"]: deepcopy(p) for p in (ADA_THERE, BOB_THERE, ZOE_THERE)}
    )
    created: list[str] = field(default_factory=lambda: ["2"])
    pairs: dict[str, str] = field(default_factory=lambda: {"lin_1": "1"})
    before: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "1": {"Id": "1", "GivenName": "ADA", "FamilyName": "MILLER", "Active": True},
            "9": deepcopy(ZOE_THERE),
        }
    )

    def judged(self) -> Verdict:
        """From Linarc to QuickBooks."""
        source, destination = ("linarc", self.linarc), ("quickbooks", self.quickbooks)
        return judge(self.records.values(), source, destination, self.created, self.pairs, self.before)

    def wrong(self) -> list[str]:
        """What the judge says."""
        return self.judged().wrong


@pytest.fixture
def world() -> World:
    """A good one, to be spoilt."""
    return World()


def test_a_good_world_passes(world: World) -> None:
    """Values that are written otherwise are equal; every record is counted."""
    verdict = world.judged()

    assert verdict.wrong == []
    assert verdict.statuses == {"synced": 2, "needs_action": 1}
    assert verdict.reasons == {"synced": 2, "inactive_at_source": 1}


def test_the_other_direction_is_judged_as_well() -> None:
    """From QuickBooks to Linarc."""
    verdict = judge(
        [record("1", "lin_1")],
        ("quickbooks", {"1": ADA_THERE}),
        ("linarc", {"lin_1": ADA}),
        ["lin_1"],
        {},
        {},
    )

    assert verdict.wrong == []


def test_the_compared_fields_are_those_that_both_systems_carry() -> None:
    """The same names from both, and each of them is filled in these people."""
    ours, theirs = fields("linarc", ADA), fields("quickbooks", ADA_THERE)

    assert ours == theirs
    assert len(ours) == 20


def test_a_match_is_seen(world: World) -> None:
    """Two creations for one record: the second stands there for nobody."""
    world.created.append("3")
    world.quickbooks["3"] = {**BOB_THERE, "Id": "3"}

    assert world.wrong() == ["3 was created for nobody"]


def test_a_creation_that_is_reported_twice_is_seen(world: World) -> None:
    """The journal holds each creation once."""
    world.created.append("2")

    assert world.wrong() == ["2 was created 2 times"]


def test_a_creation_of_somebody_who_stood_there_is_seen(world: World) -> None:
    """Ada was there as 1, and was created as 4 all the same."""
    world.created.append("4")
    world.quickbooks["4"] = {**ADA_THERE, "Id": "4"}
    world.quickbooks["1"] = deepcopy(world.before["1"])
    world.records["ada"] = record("lin_1", "4")

    assert world.wrong() == ["lin_1 was created as 4, but stood there as 1"]


@pytest.mark.parametrize(
    ("pairs", "output"), [({"lin_1": "9"}, "is 9"), ({}, "is not there")], ids=["another", "nobody"]
)
def test_a_wrong_link_is_seen(world: World, pairs: dict[str, str], output: str) -> None:
    """Linked to somebody else than the true pair."""
    world.pairs = pairs

    assert world.wrong() == [f"lin_1 is linked to 1, but {output}"]


def test_two_records_linked_to_one_are_seen(world: World) -> None:
    """Eve as well is linked to Bob."""
    world.records["eve"]["destination_remote_id"] = "2"

    assert world.wrong() == ["2 is linked to 2 records"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("EmployeeNumber",), "number"),
        (("GivenName",), "first"),
        (("MiddleName",), "middle"),
        (("FamilyName",), "last"),
        (("Suffix",), "suffix"),
        (("PrimaryEmailAddr", "Address"), "email"),
        (("PrimaryPhone", "FreeFormNumber"), "phone"),
        (("Mobile", "FreeFormNumber"), "mobile"),
        (("HiredDate",), "hired"),
        (("ReleasedDate",), "released"),
        (("BirthDate",), "born"),
        (("Gender",), "gender"),
        (("BillRate",), "bill rate"),
        (("CostRate",), "cost rate"),
        (("PrimaryAddr", "Line1"), "street"),
        (("PrimaryAddr", "Line2"), "second line"),
        (("PrimaryAddr", "City"), "city"),
        (("PrimaryAddr", "CountrySubDivisionCode"), "state"),
        (("PrimaryAddr", "PostalCode"), "postal code"),
        (("PrimaryAddr", "Country"), "country"),
    ],
)
@pytest.mark.parametrize("value", ["7", None], ids=["another", "missing"])
def test_a_differing_field_is_seen(world: World, path: tuple[str, ...], name: str, value: str | None) -> None:
    """Another value, and none."""
    *outer, last = path
    held = world.quickbooks["1"]
    for part in outer:
        held = held[part]
    held[last] = value

    assert world.wrong() == [f"lin_1 is Synced, but differs in {name}"]


def test_what_the_source_does_not_say_stays_as_it_was(world: World) -> None:
    """Absent is no value: a middle name that only the destination has is kept."""
    del world.linarc["lin_1"]["middle_name"]
    world.before["1"]["MiddleName"] = "M"

    assert world.wrong() == []


def test_what_the_source_does_not_say_and_is_cleared_is_seen(world: World) -> None:
    """The middle name that only the destination had is lost."""
    del world.linarc["lin_1"]["middle_name"]
    del world.quickbooks["1"]["MiddleName"]
    world.before["1"]["MiddleName"] = "M"

    assert world.wrong() == ["lin_1 is Synced, but differs in middle"]


def test_a_value_from_nowhere_is_seen(world: World) -> None:
    """Bob was created with a number that nobody gave him."""
    world.quickbooks["2"]["EmployeeNumber"] = "E-77"

    assert world.wrong() == ["lin_2 is Synced, but differs in number"]


@pytest.mark.parametrize("state", ["terminated", "suspended"])
def test_somebody_inactive_at_the_source_only_is_seen(world: World, state: str) -> None:
    """Synced would hide it."""
    world.linarc["lin_1"]["state"] = state

    assert world.wrong() == ["lin_1 is Synced, but differs in inactive"]


def test_somebody_inactive_at_the_destination_only_is_seen(world: World) -> None:
    """It does not matter whether they were inactive before the push."""
    world.quickbooks["1"]["Active"] = False
    assert world.wrong() == ["lin_1 is Synced, but differs in inactive"]

    world.before["1"]["Active"] = False
    assert world.wrong() == ["lin_1 is Synced, but differs in inactive"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [("needs_sync", "not_pushed"), ("failed", "unavailable"), ("syncing", "queued"), ("needs_action", "")],
)
def test_a_record_without_an_end_is_seen(world: World, status: str, reason: str) -> None:
    """Every record is Synced, or needs a person and says why."""
    world.records["eve"] = record("lin_3", None, status, reason)

    assert world.wrong() == [f"lin_3 ended as {status} ({reason})"]


@pytest.mark.parametrize("there", ["2", None], ids=["gone", "no link"])
def test_a_synced_record_without_one_at_the_destination_is_seen(world: World, there: str | None) -> None:
    """Bob is Synced, and is not there."""
    del world.quickbooks["2"]
    world.created.clear()
    world.records["bob"] = record("lin_2", there)
    world.pairs |= {"lin_2": there} if there else {}

    assert world.wrong() == ["lin_2 is Synced, but one of the two records does not exist"]


def test_somebody_at_the_source_whom_muster_does_not_show_is_seen(world: World) -> None:
    """Eve was lost on the way."""
    del world.records["eve"]

    assert world.wrong() == ["lin_3 at the source is not shown"]


def test_a_bystander_who_was_touched_is_seen(world: World) -> None:
    """Zoe has no record at the source: nothing of hers may move, and she may not go."""
    world.quickbooks["9"]["FamilyName"] = "Miller"
    assert world.wrong() == ["9 is linked to nobody, but moved in last"]

    del world.quickbooks["9"]
    assert world.wrong() == ["9 is linked to nobody, but is gone"]
