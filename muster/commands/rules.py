"""`muster rules`: a company's rules as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from muster.client import AsyncClient
from muster.commands.api import Place, over_the_api
from muster.commands.common import console

app = typer.Typer(no_args_is_help=True, help="A company's rules as a YAML file.")


@app.command("export")
@over_the_api
def export(
    place: Place,
    file: Annotated[Path | None, typer.Argument(help="Where to write them; else they are printed.")] = None,
) -> None:
    """The current rules."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("GET", f"{path}/rules/file")

    text = str(place.run(ask))
    if file is None:
        console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
        return
    file.write_text(text, "utf-8")
    console.print(f"{file} holds the rules.")


@app.command("import")
@over_the_api
def take(
    place: Place,
    file: Annotated[
        Path, typer.Argument(help="What `muster rules export` wrote, edited.", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and save nothing.")
    ] = False,
) -> None:
    """Check the rules of a file, and save them as a new version."""

    async def ask(client: AsyncClient, path: str) -> Any:
        draft = await client.call("POST", f"{path}/rules/file", json={"text": file.read_text("utf-8")})
        if dry_run:
            tried = {name: value for name, value in draft.items() if name != "version"}
            return await client.call("POST", f"{path}/rules/try", json=tried)
        return await client.call("PUT", f"{path}/rules", json=draft)

    found = place.run(ask)
    if dry_run:
        console.print_json(data=found)
    else:
        console.print(f"Version {found['version']} of the rules is now in force.")
