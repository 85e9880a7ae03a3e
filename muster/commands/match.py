"""`muster match`: why a record is matched as it is, and how well the matching does."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from muster.client import AsyncClient
from muster.commands.api import AsJson, Place, over_the_api
from muster.commands.common import console
from muster.errors import StackError

app = typer.Typer(no_args_is_help=True, help="Who is who in the two systems.")


@app.command()
@over_the_api
def explain(
    place: Place,
    record: Annotated[
        str, typer.Argument(help="Its id; or a part of its name, its number or e-mail address.")
    ],
    as_json: AsJson = False,
) -> None:
    """Who at the destination a record may be: every part of each score, what speaks against it, and what would change it."""

    async def ask(client: AsyncClient, path: str) -> Any:
        found = await _record(client, path, record)
        return await client.call("GET", f"{path}/records/{found}/candidates")

    found = place.run(ask)
    if as_json:
        console.print_json(data=found)
        return
    for line in _head(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for candidate in found["candidates"]:
        console.print(_candidate(candidate))
        for veto in candidate["vetoes"]:
            console.print(f"  {veto['text']}", markup=False, highlight=False, soft_wrap=True)
    more = [f"{found['more']} more are less near, but not ruled out."] if found["more"] else []
    for line in [*more, *found["could_change"]]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


async def _record(client: AsyncClient, path: str, wanted: str) -> str:
    try:
        return str(UUID(wanted))
    except ValueError:
        pass
    found = (await client.call("GET", f"{path}/records", params={"q": wanted, "limit": 11}))["items"]
    if len(found) == 1:
        return str(found[0]["record_id"])
    if not found:
        msg = f"Nobody at the source has {wanted!r} in name, number or e-mail address."
        raise StackError(msg)
    names = "\n".join(f"{r['record_id']}  {r['name']} {r['number'] or ''}" for r in found[:10])
    msg = f"Several records match. Name one by its id:\n{names}"
    raise StackError(msg)


def _head(found: dict[str, Any]) -> list[str]:
    record = found["record"]
    lines = [f"{record['name']} ({record['remote_id']}): {found['situation'] or 'not matched yet'}"]
    if found["excluded_for"]:
        lines.append(f"Excluded: {found['excluded_for']}")
    lines += [f"{found['reason_text']} {found['fix']}"] if found["reason_text"] else []
    return lines if found["candidates"] else [*lines, "Nobody at the destination comes near."]


def _candidate(candidate: dict[str, Any]) -> Table:
    score = (
        f"{candidate['bits']:+.1f} bits"
        if candidate["bits"] is not None
        else f"{candidate['confidence']:.0%}"
    )
    state = "" if candidate["active"] else ", inactive"
    linked = ", linked" if candidate["linked_to"] else ""
    refused = ", refused by a person" if candidate["refused"] else ""
    title = f"{candidate['name']} ({candidate['remote_id']}{state}{linked}{refused}): {score}"
    table = Table(title=title, title_justify="left")
    for heading in ("Field", "Source", "Destination", "In words", "Bits"):
        table.add_column(heading, justify="right" if heading == "Bits" else "left")
    if candidate["start"] is not None:
        table.add_row("start", "", "", "how rare a match is", f"{candidate['start']:+.1f}")
    for part in candidate["parts"]:
        bits = "" if part["bits"] is None else f"{part['bits']:+.1f}"
        values = part["source"] or "", part["destination"] or ""
        table.add_row(part["field"].replace("_", " "), *values, part["text"], bits)
    return table


@app.command()
@over_the_api
def report(
    place: Place,
    as_json: AsJson = False,
) -> None:
    """How well the matching does, measured by what people decided afterwards."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("GET", f"{path}/match-report")

    found = place.run(ask)
    if as_json:
        console.print_json(data=found)
        return
    table = Table()
    table.add_column("Measure")
    table.add_column("Value", justify="right")
    for name in ("automatic", "manual", "created", "corrected"):
        table.add_row(
            {"corrected": "automatic, ended by people"}.get(name, f"{name} links"), f"{found[name]:,}"
        )
    for name in ("precision", "recall"):
        value = found[name]
        table.add_row(name, "nothing to measure" if value is None else f"{value:.4f}")
    for name, n in sorted(found["situations"].items()):
        table.add_row(f"records {name}", f"{n:,}")
    for name, n in sorted(found["cases"].items()):
        table.add_row(f"cases: {name.replace('_', ' ')}", f"{n:,}")
    console.print(table)
