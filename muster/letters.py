"""`muster dead-letters`: see what could not be handled, and send it again."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.table import Table

from muster import operate
from muster.command import FOLDER, Data, Database, Kafka, console

app = typer.Typer(no_args_is_help=True, help="Messages that could not be handled.")

Owner = Annotated[str, typer.Argument(help="Whose; a row of the list begins with all four.")]
Topic = Annotated[str, typer.Argument(help="Where it came from.")]
Partition = Annotated[int, typer.Argument(help="Of the topic.")]
Offset = Annotated[int, typer.Argument(help="In the partition.")]


@app.command("list")
def show_all(
    data: Data = FOLDER,
    database: Database = None,
    every: Annotated[bool, typer.Option("--all", help="With those that were sent again.")] = False,
) -> None:
    """The parked messages of all services, newest first; each begins with what `show` and `replay` are given."""
    servers = operate.find_servers(data, database, None)
    table = Table()
    table.add_column("Message", no_wrap=True)
    for heading in ("Type", "Reason", "Where", "Parked"):
        table.add_column(heading, overflow="fold")
    for service, letter in asyncio.run(operate.parked(servers, replayed=every)):
        table.add_row(
            f"{service} {letter.topic} {letter.partition} {letter.offset}",
            letter.type or "",
            letter.reason,
            letter.detail,
            f"{letter.parked_at:%Y-%m-%d %H:%M:%S}",
        )
    console.print(table if table.row_count else "Nothing is parked.")


@app.command()
def show(
    service: Owner,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    data: Data = FOLDER,
    database: Database = None,
) -> None:
    """One parked message as it came. It may hold personal data."""
    servers = operate.find_servers(data, database, None)
    letter = asyncio.run(operate.one_parked(servers, service, topic, partition, offset))
    assert letter.raw is not None
    headers = {name: (value or b"").decode(errors="backslashreplace") for name, value in letter.raw.headers}
    console.print_json(data={**headers, "reason": letter.reason, "detail": letter.detail})
    sys.stdout.write((letter.raw.body or b"").decode(errors="backslashreplace") + "\n")


@app.command()
def replay(
    service: Owner,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    data: Data = FOLDER,
    database: Database = None,
    kafka: Kafka = None,
) -> None:
    """Send one parked message again, after what stopped it has been mended."""
    servers = operate.find_servers(data, database, kafka)
    asyncio.run(operate.replay_parked(servers, service, topic, partition, offset))
    console.print("Sent again.")
