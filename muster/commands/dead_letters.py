"""`muster dead-letters`: see what could not be handled, and send it again."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.table import Table

from muster.commands import operations
from muster.commands.common import DATA_DIR, Data, Database, Kafka, console

app = typer.Typer(no_args_is_help=True, help="Messages that could not be handled.")

Owner = Annotated[
    str, typer.Argument(help="The service; the first four columns of `list` are these arguments.")
]
Topic = Annotated[str, typer.Argument(help="The message's topic.")]
Partition = Annotated[int, typer.Argument(help="Its partition.")]
Offset = Annotated[int, typer.Argument(help="Its offset.")]


@app.command("list")
def show_all(
    data: Data = DATA_DIR,
    database: Database = None,
    every: Annotated[bool, typer.Option("--all", help="Include replayed ones.")] = False,
) -> None:
    """The dead letters of all services, newest first; each begins with what `show` and `replay` are given."""
    servers = operations.find_servers(data, database, None)
    table = Table()
    table.add_column("Message", no_wrap=True)
    for heading in ("Type", "Reason", "Where", "Dead-lettered"):
        table.add_column(heading, overflow="fold")
    for service, dead_letter in asyncio.run(operations.list_dead_letters(servers, replayed=every)):
        table.add_row(
            f"{service} {dead_letter.topic} {dead_letter.partition} {dead_letter.offset}",
            dead_letter.type or "",
            dead_letter.reason,
            dead_letter.detail,
            f"{dead_letter.dead_lettered_at:%Y-%m-%d %H:%M:%S}",
        )
    console.print(table if table.row_count else "There are no dead letters.")


@app.command()
def show(
    service: Owner,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    data: Data = DATA_DIR,
    database: Database = None,
) -> None:
    """One dead letter as it came. It may hold personal data."""
    servers = operations.find_servers(data, database, None)
    dead_letter = asyncio.run(operations.one_dead_letter(servers, service, topic, partition, offset))
    assert dead_letter.raw is not None
    headers = {
        name: (value or b"").decode(errors="backslashreplace") for name, value in dead_letter.raw.headers
    }
    console.print_json(data={**headers, "reason": dead_letter.reason, "detail": dead_letter.detail})
    sys.stdout.write((dead_letter.raw.body or b"").decode(errors="backslashreplace") + "\n")


@app.command()
def replay(
    service: Owner,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    data: Data = DATA_DIR,
    database: Database = None,
    kafka: Kafka = None,
) -> None:
    """Send one dead letter again, after what stopped it has been fixed."""
    servers = operations.find_servers(data, database, kafka)
    asyncio.run(operations.replay_dead_letter(servers, service, topic, partition, offset))
    console.print("Sent again.")
