"""`muster users`: who may see a company, and who works for the installation, over the public API; and on the database."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any

import typer

from muster.client import AsyncClient
from muster.commands import operations
from muster.commands.api import AsJson, Place, over_the_api, over_the_installation, show
from muster.commands.common import DATA_DIR, Data, Database, console
from muster.errors import StackError

app = typer.Typer(no_args_is_help=True, help="A company's people, and who works for all of Muster.")
_STAFF = "/v1/installation/people"
Who = Annotated[str, typer.Argument(help="An e-mail address.")]


@app.command("list")
@over_the_api
def show_all(
    place: Place,
    as_json: AsJson = False,
) -> None:
    """The company's people, their roles, and when they were last here."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return (await client.call("GET", f"{path}/members"))["items"]

    found = place.run(ask)
    rows = ((one["email"], one["name"], one["role"], one["seen_at"] or "never") for one in found)
    show(found, ("E-mail", "Name", "Role", "Last here"), rows, as_json=as_json)


@app.command()
@over_the_api
def invite(
    place: Place,
    who: Who,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    as_json: AsJson = False,
) -> None:
    """Invite a person. The link is for them alone, and is shown only once: send it to them."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("POST", f"{path}/invitations", json={"email": who, "role": role})

    made = place.run(ask)
    if as_json:
        console.print_json(data=made)
        return
    console.print(f"{made['email']} may join as {made['role']} until {made['expires_at']}:")
    console.print(made["link"], soft_wrap=True, highlight=False)


@app.command("create-administrator")
def create_administrator(
    who: Who,
    name: Annotated[str, typer.Option(help="How others see them; the address unless given.")] = "",
    data: Data = DATA_DIR,
    database: Database = None,
) -> None:
    """Create an installation administrator, who may create companies; an address with an account gets the new password.

    Works on the database, not over the API. The password is MUSTER_PASSWORD or asked for.
    """
    servers = operations.find_servers(data, database, None)
    password = os.environ.get("MUSTER_PASSWORD") or typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    asyncio.run(operations.create_administrator(servers, who, name or who, password))
    console.print(f"{who} is an installation administrator.", markup=False, highlight=False)


@app.command()
@over_the_api
def remove(
    place: Place,
    who: Who,
) -> None:
    """Take a person's membership away."""

    async def ask(client: AsyncClient, path: str) -> None:
        members = (await client.call("GET", f"{path}/members"))["items"]
        found = next((one for one in members if one["email"] == who), None)
        if found is None:
            msg = f"{who} is not one of the company's people. `muster users list` shows them."
            raise StackError(msg)
        await client.call("DELETE", f"{path}/members/{found['user_id']}")

    place.run(ask)
    console.print(f"{who} may not see the company any more.")


@app.command()
@over_the_installation
def staff(
    place: Place,
    as_json: AsJson = False,
) -> None:
    """Who works for this Muster: its administrators, and operators, who see all companies as counts."""

    async def ask(client: AsyncClient) -> Any:
        return (await client.call("GET", _STAFF))["items"]

    found = place.run_everywhere(ask)
    rows = ((one["email"], one["name"], one["role"]) for one in found)
    show(found, ("E-mail", "Name", "Role"), rows, as_json=as_json)


@app.command()
@over_the_installation
def appoint(
    place: Place,
    who: Who,
    role: Annotated[str, typer.Option(help="operator, admin, or none to end it.")] = "operator",
    name: Annotated[str, typer.Option(help="Of one who has no account yet.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a person work for this Muster. One who has no account gets a link for a password, shown this once."""

    async def ask(client: AsyncClient) -> Any:
        if role != "none":
            return await client.call("POST", _STAFF, json={"email": who, "role": role, "name": name})
        people = (await client.call("GET", _STAFF))["items"]
        found = next((one for one in people if one["email"] == who.lower()), None)
        if found is None:
            msg = f"{who} does not work for this Muster. `muster users staff` shows who does."
            raise StackError(msg)
        await client.call("DELETE", f"{_STAFF}/{found['user_id']}")
        return {**found, "role": "none", "link": None}

    made = place.run_everywhere(ask)
    if as_json:
        console.print_json(data=made)
        return
    console.print(f"{made['email']}: {made['role']} of this Muster.")
    if made["link"]:
        console.print(made["link"], soft_wrap=True, highlight=False)
