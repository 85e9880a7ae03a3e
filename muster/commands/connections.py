"""`muster connections`: see, make, test and end a company's connections, over the public API."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from muster.client import AsyncClient
from muster.commands.api import AsJson, Place, over_the_api, show
from muster.commands.common import console

app = typer.Typer(no_args_is_help=True, help="A company's connections to Linarc and QuickBooks Online.")
Account = Annotated[str, typer.Argument(help="The account's id, as `muster connections list` shows it.")]


@app.command("list")
@over_the_api
def show_all(
    place: Place,
    as_json: AsJson = False,
) -> None:
    """How the connections are, what to do, and what the calls of this month have used."""

    async def ask(client: AsyncClient, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await client.call("GET", f"{path}/accounts")
        return found

    found = place.run(ask)
    if not found and not as_json:
        console.print("Nothing is connected. Begin with: muster connections connect")
        return
    headings = ("Account", "System", "Company", "State", "What to do", "Calls this month")
    show(found, headings, map(_row, found), as_json=as_json)


def _row(account: dict[str, Any]) -> tuple[str, ...]:
    budget = account["budget"]
    calls = f"{budget['metered']:,} metered, {budget['unmetered']:,} not"
    system = f"{account['system']} ({account['environment']})"
    what_to_do = " ".join(filter(None, (account["fix"], account["warning_text"])))
    return account["account_id"], system, account["name"], account["state"], what_to_do, calls


@app.command()
@over_the_api
def connect(
    place: Place,
    environment: Annotated[str, typer.Option(help="production or sandbox.")] = "production",
    account: Annotated[str | None, typer.Option(help="Connect this account again, and no other.")] = None,
) -> None:
    """Connect QuickBooks Online. A person allows it in a browser."""
    if environment not in ("production", "sandbox"):
        console.print("[red]--environment is production or sandbox[/red]")
        raise typer.Exit(2)

    async def ask(client: AsyncClient, path: str) -> dict[str, Any]:
        body = {"environment": environment, **({"account_id": account} if account else {})}
        begun = await client.call("POST", f"{path}/accounts/authorise", json=body)
        console.print("Allow it in your browser, within ten minutes:")
        console.print(begun["url"], soft_wrap=True, highlight=False)
        await asyncio.to_thread(webbrowser.open, begun["url"])
        console.print(
            "This terminal finishes it, whatever the last page says. Paste that page's address here:"
        )
        back = urlsplit((await asyncio.to_thread(input)).strip())
        made: dict[str, Any] = await client.call("GET", f"{back.path}?{back.query}")
        return made

    made = place.run(ask)
    console.print(f"{made['name']} is connected: {made['account_id']}.")


@app.command("test")
@over_the_api
def check(
    place: Place,
    account: Account,
) -> None:
    """Ask the system who it is. Exit code 1 unless the connection works."""
    found = place.run(_asks(account, "test"))
    console.print(f"{found['state']}: {found['state_text']} {found['fix']}", soft_wrap=True)
    raise typer.Exit(0 if found["state"] == "connected" else 1)


@app.command()
@over_the_api
def disconnect(
    place: Place,
    account: Account,
) -> None:
    """End a connection, here and at the system. Records, links and history stay."""
    found = place.run(_asks(account, "disconnect"))
    console.print(f"{found['name']} is disconnected.")
    if not found["revoked"]:
        console.print(f"{found['system']} did not answer: end Muster's access there as well.")


@app.command()
@over_the_api
def pause(place: Place, account: Account) -> None:
    """Let a connection rest: its work waits, and nothing fails."""
    found = place.run(_asks(account, "pause"))
    console.print(f"{found['state']}: {found['state_text']}", soft_wrap=True)


@app.command()
@over_the_api
def resume(place: Place, account: Account) -> None:
    """Let a paused connection work again."""
    found = place.run(_asks(account, "resume"))
    console.print(f"{found['state']}: {found['state_text']}", soft_wrap=True)


@app.command("confirm-gone")
@over_the_api
def confirm_gone(
    place: Place,
    account: Account,
    count: Annotated[int, typer.Argument(help="How many have left, as `muster connections list` shows it.")],
) -> None:
    """Confirm that so many people have left a directory that showed less than half of them. It is read once more."""
    found = place.run(_asks(account, "gone", {"gone_at_most": count}))
    console.print(f"It is read again: muster runs watch {found['run_id']}", soft_wrap=True)


def _asks(
    account: str, what: str, body: dict[str, Any] | None = None
) -> Callable[[AsyncClient, str], Awaitable[Any]]:
    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("POST", f"{path}/accounts/{account}/{what}", json=body)

    return ask
