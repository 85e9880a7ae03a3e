"""`muster runs`: imports and syncs, and how they ended."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.progress import Progress

from muster.client import AsyncClient
from muster.commands.api import AsJson, Place, over_the_api, show
from muster.commands.common import console

app = typer.Typer(no_args_is_help=True, help="Imports and syncs.")
_OPEN = ("queued", "running")
_LOOK_SECONDS = 0.5


@app.command("list")
@over_the_api
def show_all(
    place: Place,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest imports and syncs."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return (await client.call("GET", f"{path}/runs", params={"limit": limit}))["items"]

    found = place.run(ask)
    headings = ("Run", "What", "State", "Who", "Began", "Counts")
    rows = ((r["run_id"], _what(r), r["state"], r["actor"], r["started_at"], _counts(r)) for r in found)
    show(found, headings, rows, as_json=as_json)


@app.command()
@over_the_api
def watch(
    place: Place,
    run: Annotated[str, typer.Argument(help="The run's id, as `muster runs list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Follow a run to its end. Exit code 1 unless it was completed."""

    async def ask(client: AsyncClient, path: str) -> Any:
        with Progress(console=console, transient=True, disable=as_json) as progress:
            task = progress.add_task("Waiting", total=None)
            while True:
                found = await client.call("GET", f"{path}/runs/{run}")
                counts = found["counts"]
                done = sum(n for name, n in counts.items() if name != "total")
                progress.update(task, description=found["state"], total=counts.get("total"), completed=done)
                if found["state"] not in _OPEN:
                    return found
                await asyncio.sleep(_LOOK_SECONDS)

    found = place.run(ask)
    if as_json:
        console.print_json(data=found)
    else:
        console.print(f"{_what(found)}: {found['state']}; {_counts(found)}")
    raise typer.Exit(0 if found["state"] == "completed" else 1)


@app.command()
@over_the_api
def cancel(
    place: Place,
    run: Annotated[str, typer.Argument(help="The run's id.")],
) -> None:
    """Stop what has not been read or sent yet."""

    async def ask(client: AsyncClient, path: str) -> None:
        await client.call("POST", f"{path}/runs/{run}/cancel")

    place.run(ask)
    console.print("It ends once the work in progress is done.")


def _what(run: dict[str, Any]) -> str:
    return " ".join(filter(None, (run["kind"], run["mode"])))


def _counts(run: dict[str, Any]) -> str:
    skipped = {f"skipped ({reason})": n for reason, n in run["skipped"].items()}
    counts = {name: n for name, n in run["counts"].items() if n}
    return ", ".join(f"{n} {name}" for name, n in {**counts, **skipped}.items()) or "nothing"
