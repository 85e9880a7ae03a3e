"""`muster topics`: create them, see which are paused, and let those go on."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer
from rich.table import Table

from muster.commands import operations
from muster.commands.common import DATA_DIR, Data, Database, Kafka, console
from muster.data_dir import running

app = typer.Typer()


@app.callback(invoke_without_command=True)
def create(
    context: typer.Context,
    kafka: Kafka = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions per topic; cannot be changed later.")
    ] = None,
    replicas: Annotated[int, typer.Option(help="Copies of every partition; 3 in production.")] = 1,
    data: Data = DATA_DIR,
) -> None:
    """Create the topics that do not exist yet, and set the broker's access rules; or, with a command, see to paused ones."""
    if context.invoked_subcommand is not None:
        return
    found = {} if kafka or os.environ.get("MUSTER_KAFKA__BOOTSTRAP") else running(data)
    count = partitions or int(os.environ.get("MUSTER_KAFKA__PARTITIONS") or found.get("partitions", 12))
    broker = operations.find_broker(kafka, found)
    assert broker is not None
    settings = broker.model_copy(update={"partitions": count})
    made, ruled = asyncio.run(operations.make_topics(settings, replicas))
    lines = [*made, *([f"{ruled} access rules"] if ruled else [])]
    console.print("\n".join(lines) if lines else "Nothing to do.")


@app.command()
def paused(data: Data = DATA_DIR, database: Database = None) -> None:
    """The topics that services paused because too many of their messages could not be handled."""
    servers = operations.find_servers(data, database, None)
    table = Table()
    for heading in ("Service", "Topic", "Paused"):
        table.add_column(heading)
    for service, topic in asyncio.run(operations.paused_topics(servers)):
        table.add_row(service, topic.topic, f"{topic.paused_at:%Y-%m-%d %H:%M:%S}")
    console.print(table if table.row_count else "No topic is paused.")


@app.command()
def resume(
    service: Annotated[str, typer.Argument(help="Whose consumers go on.")],
    topic: Annotated[str, typer.Argument(help="The paused topic.")],
    data: Data = DATA_DIR,
    database: Database = None,
) -> None:
    """Let a paused topic go on for an hour: what cannot be handled becomes a dead letter, however much it is."""
    servers = operations.find_servers(data, database, None)
    asyncio.run(operations.resume_topic(servers, service, topic))
    console.print(f"{service} goes on with {topic}.")
