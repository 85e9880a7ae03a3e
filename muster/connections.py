"""`muster connections`: see, make, test and end a company's connections, over the public API."""

from __future__ import annotations

import asyncio
import os
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.table import Table

from muster.client import Client
from muster.command import FOLDER, console
from muster.errors import StackError
from muster.folder import running

app = typer.Typer(no_args_is_help=True, help="A company's connections to Linarc and QuickBooks Online.")
EMAIL = "admin@muster.example"

Data = Annotated[Path, typer.Option("--data", help="The folder of a stack that runs here.")]
Url = Annotated[str | None, typer.Option("--url", help="Where Muster is; else the stack that runs here.")]
Email = Annotated[
    str, typer.Option("--email", help="Who signs in; the password is MUSTER_PASSWORD or asked for.")
]
Company = Annotated[str | None, typer.Option("--company", help="Its name or id, where one may see several.")]
Account = Annotated[str, typer.Argument(help="The account's id, as `muster connections list` shows it.")]


@app.command("list")
def show(company: Company = None, data: Data = FOLDER, url: Url = None, email: Email = EMAIL) -> None:
    """How the connections are, what to do, and what the calls of this month have used."""

    async def ask(client: Client, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await client.call("GET", f"{path}/accounts")
        return found

    table = Table()
    table.add_column("Account", no_wrap=True, min_width=36)
    for heading in ("System", "Company", "State", "What to do", "Calls this month"):
        table.add_column(heading)
    for account in _run(ask, company, data, url, email):
        budget = account["budget"]
        calls = f"{budget['metered']:,} metered, {budget['unmetered']:,} not"
        system = f"{account['system']} ({account['environment']})"
        table.add_row(account["account_id"], system, account["name"], account["state"], account["fix"], calls)
    console.print(
        table if table.row_count else "Nothing is connected. Begin with: muster connections connect"
    )


@app.command()
def connect(
    environment: Annotated[str, typer.Option(help="production or sandbox.")] = "production",
    account: Annotated[str | None, typer.Option(help="Connect this account again, and no other.")] = None,
    company: Company = None,
    data: Data = FOLDER,
    url: Url = None,
    email: Email = EMAIL,
) -> None:
    """Connect QuickBooks Online. A person allows it in a browser."""
    if environment not in ("production", "sandbox"):
        console.print("[red]--environment is production or sandbox[/red]")
        raise typer.Exit(2)

    async def ask(client: Client, path: str) -> dict[str, Any]:
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

    made = _run(ask, company, data, url, email)
    console.print(f"{made['name']} is connected: {made['account_id']}.")


@app.command("test")
def check(
    account: Account,
    company: Company = None,
    data: Data = FOLDER,
    url: Url = None,
    email: Email = EMAIL,
) -> None:
    """Ask the system who it is. Exit code 1 unless the connection works."""
    found = _run(_asks(account, "test"), company, data, url, email)
    console.print(f"{found['state']}: {found['state_text']} {found['fix']}", soft_wrap=True)
    raise typer.Exit(0 if found["state"] == "connected" else 1)


@app.command()
def disconnect(
    account: Account,
    company: Company = None,
    data: Data = FOLDER,
    url: Url = None,
    email: Email = EMAIL,
) -> None:
    """End a connection, here and at the system. Records, links and history stay."""
    found = _run(_asks(account, "disconnect"), company, data, url, email)
    console.print(f"{found['name']} is disconnected.")
    if not found["revoked"]:
        console.print(f"{found['system']} did not answer: end Muster's access there as well.")


def _asks(account: str, what: str) -> Callable[[Client, str], Awaitable[Any]]:
    async def ask(client: Client, path: str) -> Any:
        return await client.call("POST", f"{path}/accounts/{account}/{what}")

    return ask


def _run(
    ask: Callable[[Client, str], Awaitable[Any]], company: str | None, data: Path, url: str | None, email: str
) -> Any:
    async def main() -> Any:
        async with _signed_in(data, url, email) as client:
            return await ask(client, await _company(client, company))

    return asyncio.run(main())


@asynccontextmanager
async def _signed_in(data: Path, url: str | None, email: str) -> AsyncIterator[Client]:
    password = os.environ.get("MUSTER_PASSWORD")
    if url is None:
        found = running(data)
        url = found["urls"]["gateway"]
        password = password or found["secrets"].get("administrator")
    async with Client(url) as client:
        await client.sign_in(email, password or typer.prompt("Password", hide_input=True))
        yield client


async def _company(client: Client, wanted: str | None) -> str:
    companies = await client.call("GET", "/v1/companies")
    found = [c for c in companies if wanted in (None, c["name"], c["company_id"])]
    if len(found) != 1:
        names = ", ".join(c["name"] for c in companies) or "none"
        msg = f"Name one company with --company. You may see: {names}."
        raise StackError(msg)
    return f"/v1/companies/{found[0]['company_id']}"
