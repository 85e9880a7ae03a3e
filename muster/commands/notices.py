"""`muster notices`: what people are told of a company, where that goes, a test, and how it arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from muster.client import ApiError, AsyncClient
from muster.commands.api import AsJson, Place, over_the_api, show
from muster.commands.common import console

app = typer.Typer(no_args_is_help=True, help="Notices: who is told when something needs attention.")
To = Annotated[
    str, typer.Argument(help="A channel's id, as `muster notices list` shows it; else your own e-mail.")
]
MINE = "mine"
_FORBIDDEN = 403


@app.command("list")
@over_the_api
def show_all(place: Place, as_json: AsJson = False) -> None:
    """What you are told by e-mail and, for administrators, the channels that the company's notices are posted to."""

    async def ask(client: AsyncClient, path: str) -> dict[str, Any]:
        found: dict[str, Any] = await client.call("GET", f"{path}/notices")
        return {**found, "channels": await _channels(client, path)}

    found = place.run(ask)
    show(found, ("To", "By", "Where", "Told of"), _rows(found), as_json=as_json)
    if not as_json and not found["mail"]:
        console.print("No e-mail is sent: this installation has no mail server.")


async def _channels(client: AsyncClient, path: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = (await client.call("GET", f"{path}/notices/channels"))["items"]
    except ApiError as error:
        if error.status != _FORBIDDEN:
            raise
        return []
    return found


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    titles = {one["kind"]: one["title"] for one in found["kinds"]}
    if mine := found["mine"]:
        quiet = f"; quiet {mine['quiet_from']} to {mine['quiet_until']}" if mine["quiet_from"] else ""
        yield MINE, f"e-mail{quiet}", found["email"], _told(mine["kinds"], titles)
    for one in found["channels"]:
        told = _told(one["kinds"], titles) if one["active"] else "switched off"
        yield one["channel_id"], f"{one['shape']}: {one['name']}", one["host"], told


def _told(kinds: list[str], titles: dict[str, str]) -> str:
    return "; ".join(titles[kind] for kind in kinds) or "nothing"


@app.command("test")
@over_the_api
def check(place: Place, to: To = MINE) -> None:
    """Send a test, immediately. `muster notices sent` shows how it went."""

    async def ask(client: AsyncClient, path: str) -> None:
        await client.call("POST", f"{path}/notices/{_address(to)}/test")

    place.run(ask)
    console.print(
        f"A test is on its way. How it went: muster notices sent{'' if to == MINE else f' {to}'}",
        soft_wrap=True,
    )


@app.command()
@over_the_api
def sent(
    place: Place,
    to: To = MINE,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The last messages, and how they went: an SMTP or HTTP code, or why there is none."""

    async def ask(client: AsyncClient, path: str) -> Any:
        return await client.call("GET", f"{path}/notices/{_address(to)}/messages", params={"limit": limit})

    found = place.run(ask)["items"]
    rows = ((m["created_at"], m["state"], m["answer"], m["tries"], "; ".join(m["titles"])) for m in found)
    show(found, ("At", "State", "Answer", "Tries", "What it says"), rows, as_json=as_json)


def _address(to: str) -> str:
    return MINE if to == MINE else f"channels/{to}"
