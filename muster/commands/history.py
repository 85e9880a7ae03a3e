"""`muster history`: whether what was recorded still stands as it was written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer

from muster.commands import operations
from muster.commands.common import DATA_DIR, Data, Database, console
from services.history.core.chain import describe
from services.history.store import log
from services.history.store.verify import Report
from services.history.store.verify import verify as check

FAULTY = 3
"""The exit code when a chain has faults; 1 means that it could not be checked."""

app = typer.Typer(no_args_is_help=True, help="The record of what happened.")


@app.callback()
def history() -> None:
    """The record of what happened."""


@app.command()
def verify(
    company: Annotated[
        list[UUID] | None, typer.Option(help="Only this company's; may be given several times.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one array, an object per company.")
    ] = False,
    data: Data = DATA_DIR,
    database: Database = None,
) -> None:
    """Check the hash chain of every company's history. Exit code 0: no fault was found, 3: faults, 1: could not be checked.

    Entries that were changed, replaced, removed or added without computing all later hashes again are found. A chain that
    was rewritten or shortened together with its head is not.
    """
    servers = operations.find_servers(data, database, None)
    reports = asyncio.run(_verify(servers, company or []))
    if as_json:
        console.print_json(data=[_as_json(report) for report in reports])
    else:
        for line in _lines(reports):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if any(report.faults for report in reports):
        raise typer.Exit(FAULTY)


async def _verify(servers: operations.Servers, chosen: Sequence[UUID]) -> list[Report]:
    async with operations.open_service(servers, "history") as database:
        companies = chosen
        if not companies:
            async with database.system() as tx:
                companies = await log.companies(tx)
        return [await check(database, company) for company in companies]


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "company_id": str(report.company_id),
        "ok": not report.faults,
        "entries": report.entries,
        "head": report.head,
        "found": report.found,
        "faults": [fault._asdict() | {"text": describe(fault)} for fault in report.faults],
    }


def _lines(reports: Sequence[Report]) -> list[str]:
    if not reports:
        return ["No company has a history yet."]
    lines = []
    for report in reports:
        wrong = f"{report.found} faults" if report.found != 1 else "1 fault"
        state = "no fault found" if not report.faults else wrong
        lines.append(f"{report.company_id}: {report.entries} entries, head {report.head or 'none'}: {state}")
        lines += [f"  {describe(fault)}" for fault in report.faults]
    return lines
