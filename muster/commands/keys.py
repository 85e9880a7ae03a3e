"""`muster keys`: the API keys of a company's services."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.client import AsyncClient
from muster.commands.api import AsJson, Place, over_the_api, show
from muster.commands.common import console

app = typer.Typer(no_args_is_help=True, help="API keys of a company's services.")


@app.command("list")
@over_the_api
def show_all(
    place: Place,
    as_json: AsJson = False,
) -> None:
    """The company's keys, without their secrets."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("GET", f"{path}/api-keys")

    found = place.run(ask)
    headings = ("Key", "Name", "Role", "Expires", "Last used")
    rows = ((k["key_id"], k["name"], k["role"], k["expires_at"], k["used_at"] or "never") for k in found)
    show(found, headings, rows, as_json=as_json)


@app.command()
@over_the_api
def create(
    place: Place,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    days: Annotated[
        int | None, typer.Option(help="How long it lasts; 90 unless the installation says otherwise.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown only once."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("POST", f"{path}/api-keys", json={"name": name, "role": role, "days": days})

    made = place.run(ask)
    if as_json:
        console.print_json(data=made)
        return
    console.print(f"It expires at {made['expires_at']}. Send it as `Authorization: Bearer …`:")
    console.print(made["key"], soft_wrap=True, highlight=False)


@app.command()
@over_the_api
def revoke(
    place: Place,
    key: Annotated[str, typer.Argument(help="The key's id, as `muster keys list` shows it.")],
) -> None:
    """Revoke a key and all keys that it created."""

    async def ask(client: AsyncClient, path: str) -> None:
        await client.call("DELETE", f"{path}/api-keys/{key}")

    place.run(ask)
    console.print(f"{key} is revoked.")
