"""Laws over made-up people: an update moves what it names and nothing else, and any text survives."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.connectors.ports import Write
from shared.connectors.quickbooks.wire import NESTED, SCALARS
from tests.support.systems import Side, read, send

few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
numbers = count(1)
names = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters=":"), min_size=1, max_size=16
).map(lambda text: text.strip() or "x")
emails = st.just("made unique in the test")
days = st.dates().map(str).filter(lambda day: day >= "1900")
rates = st.integers(0, 99_999).map(lambda cents: str(cents / 100))
CANONICAL: dict[str, st.SearchStrategy[Any]] = {
    "first_name": names,
    "middle_name": st.none() | names,
    "suffix": st.none() | names,
    "email": st.none() | emails,
    "phone": st.none() | st.just("+15035550142"),
    "mobile": st.none() | st.just("+15035550199"),
    "bill_rate": st.none() | rates,
    "cost_rate": st.none() | rates,
    "hire_date": st.none() | days,
    "gender": st.none() | st.sampled_from(["male", "female"]),
    "address_line1": st.none() | names,
    "address_city": st.none() | names,
    "address_state": st.none() | names,
    "address_country": st.none() | st.just("USA"),
}
changes = st.dictionaries(st.sampled_from(sorted(CANONICAL)), st.none(), max_size=6).flatmap(
    lambda chosen: st.fixed_dictionaries({name: CANONICAL[name] for name in chosen})
)
addresses = st.fixed_dictionaries(
    {}, optional={"line1": names, "line2": names, "line3": names, "city": names, "postal": names}
)
people = st.fixed_dictionaries(
    {"first": names, "address": addresses},
    optional={
        "middle": names,
        "title": names,
        "check": names,
        "rate": st.integers(1, 99),
        "ssn": st.booleans(),
    },
)


def seeded(side: Side, given_: dict[str, Any]) -> dict[str, Any]:
    """Somebody with values in fields that we map and in fields that we do not."""
    n, address = next(numbers), given_["address"]
    person = side.person(given_["first"], f"Li{n}", f"LN-{n}")
    if side.system == "linarc":
        shape = {"line1": "line1", "line2": "line2", "city": "city", "postal": "postal_code"}
        more = {
            "middle_name": given_.get("middle"),
            "title": given_.get("title"),
            "department": given_.get("check"),
        }
        place = {shape[k]: v for k, v in address.items() if k in shape} or None
        return {**person, **more, "hourly_rate": given_.get("rate"), "address": place}
    shape = {"line1": "Line1", "line2": "Line2", "line3": "Line3", "city": "City", "postal": "PostalCode"}
    return {
        **person,
        "MiddleName": given_.get("middle"),
        "Title": given_.get("title"),
        "PrintOnCheckName": given_.get("check"),
        "BillRate": given_.get("rate"),
        "SSN": "123-45-6789" if given_.get("ssn") else None,
        "Organization": bool(given_.get("ssn")),
        "PrimaryAddr": {shape[k]: v for k, v in address.items()},
    }


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its nested parts as `outer.inner`."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        inner = value if isinstance(value, dict) and key != "MetaData" else None
        found |= {f"{key}.{k}": v for k, v in inner.items()} if inner is not None else {key: value}
    return {k: v for k, v in found.items() if v is not None}


def may_move(side: Side, fields: dict[str, Any]) -> set[str]:
    """What an update of these fields may change in the system's own record."""
    if side.system == "linarc":
        wire = {"bill_rate": "hourly_rate", "number": "employee_number"}
        return {"etag", "updated_at"} | {
            f"address.{n.removeprefix('address_')}" if n.startswith("address_") else wire.get(n, n)
            for n in fields
        }
    found = {"SyncToken", "MetaData", "PrimaryAddr.Id"}
    found |= {SCALARS[n] if n in SCALARS else ".".join(NESTED[n]) for n in fields}
    if fields.keys() & {"first_name", "middle_name", "last_name", "suffix"}:
        found |= {"DisplayName", "PrintOnCheckName"}
    if "bill_rate" in fields:
        found.add("BillableTime")
    return found


@few
@given(person=people, fields=changes)
async def test_no_update_changes_a_field_that_it_does_not_name(
    side: Side, person: dict[str, Any], fields: dict[str, Any]
) -> None:
    if side.system == "quickbooks":
        await side.switch(ssn_survives_omission=False)
    if fields.get("email"):
        fields["email"] = f"a{next(numbers)}@stone.example"
    (remote_id,) = await side.seed([seeded(side, person)])
    before = flat((await side.rows())[remote_id])
    connector = side.connector()
    current = await read(connector, remote_id)
    (written,) = await send(connector, f"law-{next(numbers)}", Write("update", "i", fields, current))
    assert written.remote is not None, written.error
    after = flat((await side.rows())[remote_id])
    moved = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    assert moved <= may_move(side, fields)
    for name, value in fields.items():
        reported = getattr(written.remote.employee, name)
        assert (reported is None) == (value is None), name
    await side.close_connectors()


async def test_the_law_can_be_broken(qbo: Side) -> None:
    """The negative control: a writer that sends only what it knows loses the rest."""
    (remote_id,) = await qbo.seed(
        [seeded(qbo, {"first": "Ana", "address": {"line3": "Back"}, "check": "A. L."})]
    )
    before = flat((await qbo.rows())[remote_id])
    connector = qbo.connector()
    current = await read(connector, remote_id)
    bare = current.model_copy(update={"payload": f'{{"Id":"{remote_id}","SyncToken":"{current.version}"}}'})
    (written,) = await send(
        connector, "law-0", Write("update", "i", {"first_name": "Ana", "last_name": "Li"}, bare)
    )
    assert written.remote is not None
    after = flat((await qbo.rows())[remote_id])
    assert before["PrimaryAddr.Line3"] == "Back"
    assert "PrimaryAddr.Line3" not in after


@few
@given(
    text=st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=":"), max_size=60).filter(
        lambda text: text.strip() == text and text != ""
    )
)
async def test_anyone_who_is_created_is_found_by_their_name_whatever_it_is(side: Side, text: str) -> None:
    connector = side.connector()
    n = next(numbers)
    write = Write("create", "i", {"first_name": text, "last_name": f"Li{n}", "number": f"LN-{n}"})
    (written,) = await send(connector, f"law-{n}", write)
    assert written.remote is not None, written.error
    found = await connector.find_created(write)
    assert found is not None
    assert found.remote_id == written.remote.remote_id
    await side.close_connectors()
