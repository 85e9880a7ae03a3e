"""What the commands over the public API share: where Muster is, who signs in, and which company."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from rich.markup import escape
from rich.table import Table

from muster.client import AsyncClient
from muster.commands.common import DATA_DIR, console
from muster.data_dir import running
from muster.errors import StackError

EMAIL = "admin@muster.example"
P = ParamSpec("P")
AsJson = Annotated[bool, typer.Option("--json", help="For programs: what the API answers.")]


@dataclass(frozen=True, slots=True)
class Place:
    """Where and as whom a command asks."""

    company: Annotated[
        str | None, typer.Option("--company", help="The company's name or id, if you can see several.")
    ] = None
    data: Annotated[Path, typer.Option("--data", help="The folder of a stack that runs here.")] = DATA_DIR
    url: Annotated[
        str | None, typer.Option("--url", help="Where Muster is; else the stack that runs here.")
    ] = None
    email: Annotated[
        str, typer.Option("--email", help="Who signs in; the password is MUSTER_PASSWORD or asked for.")
    ] = EMAIL

    def run(self, ask: Callable[[AsyncClient, str], Awaitable[Any]]) -> Any:
        """What `ask` finds, given a signed-in client and the company's path."""

        async def in_company(client: AsyncClient) -> Any:
            return await ask(client, await _company(client, self.company))

        return self.run_everywhere(in_company)

    def run_everywhere(self, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
        """What `ask` finds, given a signed-in client, where no company is meant."""

        async def main() -> Any:
            async with self._signed_in() as client:
                return await ask(client)

        return asyncio.run(main())

    @asynccontextmanager
    async def _signed_in(self) -> AsyncIterator[AsyncClient]:
        url, password = self.url, os.environ.get("MUSTER_PASSWORD")
        if url is None:
            found = running(self.data)
            url = found["urls"]["gateway"]
            password = password or found["secrets"].get("administrator")
        async with AsyncClient(url) as client:
            await client.sign_in(self.email, password or typer.prompt("Password", hide_input=True))
            yield client


def over_the_api(command: Callable[Concatenate[Place, P], None]) -> Callable[..., None]:
    """A command that is given a `Place` as its first parameter, made of the options that are the same for all of them."""
    return _with_place(command, "company", "data", "url", "email")


def over_the_installation(command: Callable[Concatenate[Place, P], None]) -> Callable[..., None]:
    """The same for a command that concerns no one company."""
    return _with_place(command, "data", "url", "email")


def _with_place(command: Callable[Concatenate[Place, P], None], *names: str) -> Callable[..., None]:
    options = signature(Place, eval_str=True).parameters
    shared = [options[name].replace(kind=Parameter.KEYWORD_ONLY) for name in names]
    _, *own = signature(command, eval_str=True).parameters.values()

    @wraps(command)
    def run(*args: Any, **given: Any) -> None:
        place = Place(**{option.name: given.pop(option.name) for option in shared})
        command(place, *args, **given)

    parameters = [*(p.replace(kind=Parameter.KEYWORD_ONLY) for p in own), *shared]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # Typer makes a command's options of it
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def show(found: Any, headings: Sequence[str], rows: Iterable[Sequence[object]], *, as_json: bool) -> None:
    """What the API answered, as JSON or as a table. Its first column, an id as a rule, is never cut."""
    if as_json:
        console.print_json(data=found)
        return
    table = Table()
    for number, heading in enumerate(headings):
        table.add_column(heading, no_wrap=not number, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console.print(table)


async def _company(client: AsyncClient, wanted: str | None) -> str:
    companies = await client.call("GET", "/v1/companies")
    found = [c for c in companies if wanted in (None, c["name"], c["company_id"])]
    if len(found) != 1:
        names = ", ".join(c["name"] for c in companies) or "none"
        msg = f"Name one company with --company. You may see: {names}."
        raise StackError(msg)
    return f"/v1/companies/{found[0]['company_id']}"
