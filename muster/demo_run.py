"""The main job from end to end, judged from outside: import all, push what needs it, compare both systems."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from muster.client import AsyncClient
from muster.demo import UNATTENDED, Company, folder, prepare
from muster.sandboxes import REALMS, TENANTS
from muster.stack import Stack
from muster.verdict import People, Verdict, judge
from shared.contracts.plans import PlanView
from shared.db.migrate import SERVICES
from shared.db.pool import open_database
from shared.domain.values import Status
from shared.messaging.dead_letters import list_dead_letters
from shared.settings import DatabaseSettings

PATIENCE_SECONDS = 900.0
SHOWN = 20
UNSETTLED = frozenset({"checking", "directory_being_read", "waiting", "queued", "writing"})


class TooSlowError(Exception):
    """Something did not come to its end; the text says what."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run came to: the verdict, and the messages that were dead-lettered."""

    verdict: Verdict
    dead_lettered: int

    @property
    def good(self) -> bool:
        """Whether everything is as it should be."""
        return not self.verdict.wrong and self.dead_lettered == 0


async def run(stack: Stack, console: Console, *, kill_every: float | None = None) -> Outcome:
    """Do the main job on a stack that is up, killing a random service every `kill_every` seconds meanwhile."""
    access = await prepare(stack, UNATTENDED)
    company = access.companies[0]
    _, (_, before) = await _sides(stack, company.direction)
    killer = asyncio.ensure_future(_kill(stack, kill_every)) if kill_every else None
    try:
        async with AsyncClient(access.url, patience=PATIENCE_SECONDS) as client:
            await client.sign_in(access.email, access.password)
            with Progress(console=console, transient=True) as progress:
                await _import(stack, client, company, progress)
                await _push(client, company, progress, console)
            records = [r async for r in all_records(client, company.company_id)]
            await _show_one(client, company, records, console)
    finally:
        if killer is not None:
            killer.cancel()
            with suppress(asyncio.CancelledError):
                await killer
            await stack.wait_ready()
    verdict = await _judge(stack, company.direction, records, before)
    dead_lettered = sum([await _count_dead_letters(stack, service) for service in SERVICES])
    _show(console, verdict, dead_lettered)
    return Outcome(verdict, dead_lettered)


async def _kill(stack: Stack, every: float) -> None:
    """One random service after another, without warning."""
    chance = random.Random(1)
    while True:
        await asyncio.sleep(every)
        stack.kill(chance.choice(SERVICES))


async def all_records(client: AsyncClient, company: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
    """Every record of a company, page after page."""
    after = None
    while True:
        query = {"limit": 500, "sort": "number", **params, **({"after": after} if after else {})}
        page = await client.call("GET", f"/v1/companies/{company}/records", params=query)
        for record in page["items"]:
            yield record
        after = page["next"]
        if after is None:
            return


async def _expected(stack: Stack, direction: str) -> int:
    system, scope = ("linarc", TENANTS[0]) if direction == "linarc-to-qbo" else ("quickbooks", REALMS[0])
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        counts = (await http.get(f"{stack.urls[f'sandbox_{system}']}/admin/counts")).json()
    return int(counts["employees"][scope]["total"])


async def _import(stack: Stack, client: AsyncClient, company: Company, progress: Progress) -> None:
    path = f"/v1/companies/{company.company_id}"
    expected = await _expected(stack, company.direction)
    shown = progress.add_task("Import all", total=expected)
    started = await client.call("POST", f"{path}/imports", json={"mode": "all"}, key="demo-run-import")
    await _ended(client, path, started["run_id"])
    await settled(client, company.company_id, expected, progress, shown)


async def settled(
    client: AsyncClient,
    company: str,
    expected: int,
    progress: Progress | None = None,
    shown: TaskID | None = None,
) -> None:
    """Wait until all `expected` records are there and none is still being worked out."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while loop.time() < until:
        page = await client.call("GET", f"/v1/companies/{company}/records", params={"limit": 1})
        total = sum(page["counts"].values())
        if progress is not None and shown is not None:
            progress.update(shown, completed=total)
        if total >= expected and not page["counts"].get("syncing"):
            unsettled = 0
            async for record in all_records(client, company, status="needs_sync"):
                if record["reason"] in UNSETTLED:
                    unsettled += 1
                    break
            if not unsettled and await _linked(client, company):
                return
        await asyncio.sleep(0.5)
    raise TooSlowError("the records were not all worked out in time")


async def _linked(client: AsyncClient, company: str) -> bool:
    """Whether the link of every record that was pushed has been seen."""
    return all([r["destination_remote_id"] async for r in all_records(client, company, status="synced")])


async def _ended(
    client: AsyncClient, path: str, run_id: str, progress: Progress | None = None, shown: TaskID | None = None
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while loop.time() < until:
        run: dict[str, Any] = await client.call("GET", f"{path}/runs/{run_id}")
        if progress is not None and shown is not None:
            progress.update(
                shown, completed=run["counts"].get("succeeded", 0) + run["counts"].get("failed", 0)
            )
        if run["state"] in ("completed", "failed"):
            return run
        await asyncio.sleep(0.3)
    msg = f"run {run_id} did not end in time"
    raise TooSlowError(msg)


async def _push(client: AsyncClient, company: Company, progress: Progress, console: Console) -> None:
    path = f"/v1/companies/{company.company_id}"
    for attempt in range(5):
        page = await client.call("GET", f"{path}/records", params={"limit": 1})
        counts = page["counts"]
        ready = [s for s in ("needs_sync", "failed") if counts.get(s)]
        progress.console.print(
            f"Before push {attempt + 1}: " + ", ".join(f"{n} {s}" for s, n in sorted(counts.items()) if n)
        )
        if not ready:
            return
        asked = await push_all(client, company.company_id, *ready)
        shown = progress.add_task("Sync to Destination", total=asked.total)
        run = await _ended(client, path, str(asked.plan_id), progress, shown)
        progress.remove_task(shown)
        console.print(f"Push {attempt + 1}: {run['counts']}, skipped {run['skipped']}")
        await settled(client, company.company_id, 0)


async def push_all(client: AsyncClient, company: str, *statuses: str) -> PlanView:
    """Plan the push of everybody with one of these statuses, and apply the plan; its id is the run's."""
    there = client.company(company)
    plan = await there.make_plan(status=[Status(s) for s in statuses], seconds=PATIENCE_SECONDS, every=0.1)
    await there.apply_plan(plan)
    return plan


async def _show_one(
    client: AsyncClient, company: Company, records: list[dict[str, Any]], console: Console
) -> None:
    record = next((r for r in records if r["status"] == "synced"), None)
    if record is None:
        return
    path = f"/v1/companies/{company.company_id}/records/{record['record_id']}/timeline"
    timeline = await client.call("GET", path)
    table = Table(title=f"History of {record['number'] or record['remote_id']}", title_justify="left")
    for heading in ("When", "What", "Fields", "Status"):
        table.add_column(heading)
    for entry in reversed(timeline["items"]):
        table.add_row(entry["at"][11:23], entry["type"], ", ".join(entry["changes"]), entry["status"] or "")
    console.print(table)


async def _everyone(http: httpx.AsyncClient, url: str, scope: str, key: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    after = ""
    while True:
        page = (
            await http.get(
                f"{url}/admin/employees", params={"scope": scope, "after_id": after, "limit": 5000}
            )
        ).json()
        found |= {str(e[key]): e for e in page["employees"]}
        after = page["next_after_id"]
        if not after:
            return found


async def _created(http: httpx.AsyncClient, url: str, scope: str) -> list[str]:
    made: list[str] = []
    after = 0
    while True:
        entries = (await http.get(f"{url}/admin/journal", params={"after": after, "limit": 5000})).json()[
            "entries"
        ]
        if not entries:
            return made
        made += [
            e["remote_id"]
            for e in entries
            if e["scope"] == scope and e["operation"] == "create" and e["outcome"] == "applied"
        ]
        after = entries[-1]["n"]


async def _sides(stack: Stack, direction: str) -> tuple[tuple[str, People], tuple[str, People]]:
    """Source and destination, each with its people now."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        linarc = "linarc", await _everyone(http, stack.urls["sandbox_linarc"], TENANTS[0], "id")
        quickbooks = "quickbooks", await _everyone(http, stack.urls["sandbox_quickbooks"], REALMS[0], "Id")
    return (linarc, quickbooks) if direction == "linarc-to-qbo" else (quickbooks, linarc)


async def _judge(stack: Stack, direction: str, records: list[dict[str, Any]], before: People) -> Verdict:
    pairs = json.loads((folder(stack, direction) / "true_pairs.json").read_text())["pairs"]
    matches = dict(pairs) if direction == "linarc-to-qbo" else {b: a for a, b in pairs}
    source, destination = await _sides(stack, direction)
    scope = {"linarc": TENANTS[0], "quickbooks": REALMS[0]}[destination[0]]
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        made = await _created(http, stack.urls[f"sandbox_{destination[0]}"], scope)
    return judge(records, source, destination, made, matches, before)


async def _count_dead_letters(stack: Stack, service: str) -> int:
    dsn = stack.environment(service, 0, 0)["MUSTER_DATABASE__DSN"]
    database = await open_database(DatabaseSettings.model_validate({"dsn": dsn}), service)
    try:
        async with database.system() as tx:
            return len(await list_dead_letters(tx))
    finally:
        await database.close()


def _show(console: Console, verdict: Verdict, dead_lettered: int) -> None:
    table = Table(title="Result", title_justify="left")
    table.add_column("Status or reason")
    table.add_column("Records", justify="right")
    for reason, count in Counter(verdict.reasons).most_common():
        table.add_row(reason, str(count))
    console.print(table)
    for line in verdict.wrong[:SHOWN]:
        console.print(f"[red]Wrong:[/red] {line}")
    if len(verdict.wrong) > SHOWN:
        console.print(f"[red]… and {len(verdict.wrong) - SHOWN} more[/red]")
    if dead_lettered:
        console.print(f"[red]{dead_lettered} messages are dead-lettered; see: muster dead-letters list[/red]")
    if not verdict.wrong and not dead_lettered:
        console.print(
            "[green]Every record is Synced and equal, or says what a person must do. Nobody exists twice.[/green]"
        )
