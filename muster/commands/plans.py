"""`muster plan` and `muster apply`: look at what a sync would write, then write exactly that."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.table import Table

from muster.client import AsyncClient
from muster.commands.api import Place, over_the_api
from muster.commands.common import console
from muster.errors import StackError

PlanId = Annotated[str, typer.Argument(help="The plan's id, as `muster plan` prints it.")]
_SHOWN = 20
_LOOK_SECONDS = 0.5


@over_the_api
def plan(
    place: Place,
    plan_id: Annotated[str | None, typer.Argument(help="A plan to look at; else a new one is made.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Plan the records with this status; may be given several times.")
    ] = None,
    search: Annotated[str, typer.Option(help="Plan those with this in name, number or e-mail.")] = "",
) -> None:
    """Show what a sync would write, record by record. Nothing is written. Exit code 2 when the plan is held."""

    async def ask(client: AsyncClient, path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        made = plan_id
        if made is None:
            wanted = {"status": status or ["needs_sync", "failed"], "q": search or None}
            made = (await client.call("POST", f"{path}/plans", json={"filter": wanted}))["plan_id"]
        found = await _ready(client, f"{path}/plans/{made}")
        page = await client.call("GET", f"{path}/plans/{made}/records", params={"limit": _SHOWN})
        return found, page["items"]

    found, records = place.run(ask)
    _show(found, records)
    raise typer.Exit(2 if found["state"] == "held" else 0)


@over_the_api
def apply(
    place: Place,
    plan_id: PlanId,
    release: Annotated[
        bool, typer.Option("--release", help="Also when the safety limits hold the plan.")
    ] = False,
) -> None:
    """Approve a plan: exactly what it holds is written. Exit code 1 unless all of it was."""

    async def ask(client: AsyncClient, path: str) -> dict[str, Any]:
        address = f"{path}/plans/{plan_id}"
        found = await _ready(client, address)
        if found["state"] == "held" and not release:
            reasons = " ".join(one["text"] for one in found["tripped"])
            msg = f"This plan is held. {reasons} Look at it, then add --release to write it."
            raise StackError(msg)
        verb = "release" if found["state"] == "held" else "apply"
        body = {} if verb == "release" else {"to_write": found["to_write"]}
        await client.call("POST", f"{address}/{verb}", json=body)
        while found["state"] not in ("done", "cancelled"):
            await asyncio.sleep(_LOOK_SECONDS)
            found = await client.call("GET", address)
        return found

    found = place.run(ask)
    outcomes = found["outcomes"]
    console.print(", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "nothing to do")
    raise typer.Exit(0 if set(outcomes) <= {"succeeded", "skipped"} else 1)


async def _ready(client: AsyncClient, address: str) -> dict[str, Any]:
    """The plan, once it is whole."""
    while True:
        found: dict[str, Any] = await client.call("GET", address)
        if found["ready"]:
            return found
        await asyncio.sleep(_LOOK_SECONDS)


def _show(found: dict[str, Any], records: list[dict[str, Any]]) -> None:
    table = Table()
    for heading in ("Employee", "Action", "What"):
        table.add_column(heading)
    for record in records:
        name = " ".join(filter(None, (record["number"], record["name"]))) or record["remote_id"]
        table.add_row(name, record["action"].replace("_", " "), _what(record))
    console.print(table)
    counts = ", ".join(f"{one['records']} {one['action'].replace('_', ' ')}" for one in found["counts"])
    console.print(f"{counts}; {found['calls']} API calls, about {found['seconds']:g} seconds.")
    for one in found["tripped"]:
        console.print(f"Held: {one['text']}", style="yellow")
    verb = "muster apply --release" if found["state"] == "held" else "muster apply"
    console.print(f"Plan {found['plan_id']} is {found['state']}. Write it with: {verb} {found['plan_id']}")


def _what(record: dict[str, Any]) -> str:
    if record["action"] == "blocked":
        return f"{record['reason_text']} {record['fix']}".strip()
    changes = [f"{name}: {c['before']} → {c['after']}" for name, c in record["fields"].items()]
    return "; ".join([*changes, *(f"{name}: hidden" for name in record["hidden"])])
