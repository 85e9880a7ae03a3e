"""The command `muster`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from muster.commands import (
    connections,
    dead_letters,
    history,
    keys,
    match,
    notices,
    operations,
    plans,
    rules,
    runs,
    topics,
    users,
)
from muster.commands.common import DATA_DIR, Commands, Data, Database, Service, console
from muster.data_dir import running
from muster.kafka import fetch_jars
from muster.postgres import scratch
from muster.screen import Screen
from muster.stack import GATEWAY_PORT, Options, Stack

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Muster keeps a workforce directory the same in two systems.",
)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(topics.app, name="topics")
app.add_typer(connections.app, name="connections")
app.add_typer(history.app, name="history")
app.add_typer(match.app, name="match")
app.add_typer(runs.app, name="runs")
app.add_typer(rules.app, name="rules")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(notices.app, name="notices")
app.command()(plans.plan)
app.command()(plans.apply)

warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
for library in ("aiokafka", "jgo"):  # what they warn of is reported in our words, or is nothing
    logging.getLogger(library).setLevel(logging.CRITICAL)


def _jars(kafka: str | None) -> None:
    """Fetch Apache Kafka with a progress bar, the first time."""
    if kafka:
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Fetching Apache Kafka", total=None)
        fetch_jars(lambda done, all_: progress.update(task, completed=done, total=all_))


@app.command()
def up(
    data: Data = DATA_DIR,
    demo: Annotated[
        bool, typer.Option("--demo", help="With both sandboxes, people in them, and two companies.")
    ] = False,
    employees: Annotated[int, typer.Option(help="People in each demo company.")] = 250,
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT of an Apache Kafka that runs already.")] = None,
    database: Annotated[
        str | None, typer.Option(help="Owner's address of a PostgreSQL that runs already.")
    ] = None,
    port: Annotated[
        int, typer.Option(help="Where the gateway listens; another one if it is taken.")
    ] = GATEWAY_PORT,
) -> None:
    """Start everything here; Ctrl-C stops it."""
    _jars(kafka)
    asyncio.run(_up(data, Options(demo=demo, employees=employees, kafka=kafka, database=database, port=port)))


async def _up(data: Path, options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with Screen(console) as screen:
        stack = screen.stack = Stack(data, options, screen.changed)
        starting = asyncio.ensure_future(_start(stack, screen))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                while not stop.is_set():
                    screen.changed()
                    await asyncio.sleep(1)
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.shield(stack.stop())


async def _start(stack: Stack, screen: Screen) -> None:
    await stack.start()
    footer = (
        f"The API is at {stack.urls['gateway']}/v1 (description: /v1/openapi.json). Ctrl-C stops everything."
    )
    if stack.options.demo:
        from muster.demo import prepare  # noqa: PLC0415  (drives a service's own code)

        access = await prepare(stack)
        names = ", ".join(company.name for company in access.companies)
        footer = (
            f"Muster is at {access.url}\nSign in as {access.email} with the password {access.password}\n"
            f"Companies: {names}\n"
            f"Change somebody at {stack.urls['sandbox_linarc']}/people (Linarc) or {stack.urls['sandbox_quickbooks']}/people "
            "(QuickBooks): it arrives by webhook, and the row moves by itself.\n"
            f"Ctrl-C stops everything; what you did stays in {stack.data}."
        )
    screen.footer = footer
    screen.changed()
    if not console.is_terminal:
        console.print(footer, soft_wrap=True, highlight=False)


@app.command("demo-run")
def demo_run(
    employees: Annotated[int, typer.Option(help="People at the source.")] = 250,
    direction: Annotated[str, typer.Option(help="linarc-to-qbo or qbo-to-linarc.")] = "linarc-to-qbo",
    kill_every: Annotated[
        float | None, typer.Option(help="Kill a random service every so many seconds.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="A folder to keep; else a temporary one.")
    ] = None,
) -> None:
    """Import everybody, push what needs it, and judge the result from outside. Exit code 0 only if all is well."""
    if direction not in ("linarc-to-qbo", "qbo-to-linarc"):
        console.print("[red]--direction is linarc-to-qbo or qbo-to-linarc[/red]")
        raise typer.Exit(2)
    _jars(None)
    options = Options(demo=True, employees=employees, directions=(direction,), port=0)
    with scratch("muster-") as temporary:
        good = asyncio.run(_demo_run(data or temporary, options, kill_every))
    raise typer.Exit(0 if good else 1)


async def _demo_run(data: Path, options: Options, kill_every: float | None) -> bool:
    from muster.demo_run import TooSlowError, run  # noqa: PLC0415  (drives a service's own code)

    stack = Stack(data, options)
    main = asyncio.current_task()
    assert main is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, main.cancel)
    try:
        with console.status("Starting"):
            await stack.start()
        return (await run(stack, console, kill_every=kill_every)).good
    except (TooSlowError, asyncio.CancelledError) as error:
        console.print(f"[red]{error if isinstance(error, TooSlowError) else 'Stopped.'}[/red]")
        for name, child in stack.children.items():
            if child.failed:
                console.print(f"{name}: {child.failed}, restarted {child.restarts} times")
        return False
    finally:
        await asyncio.shield(stack.stop())


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False, data: Data = DATA_DIR
) -> None:
    """What runs, where, and whether it is ready. Exit code 1 unless all of it is."""
    found = asyncio.run(operations.status(data))
    if as_json:
        console.print_json(data={name: {"url": url, "state": state} for name, (url, state) in found.items()})
        raise typer.Exit(1 if any(state != "ready" for _, state in found.values()) else 0)
    table = Table()
    for heading in ("Service", "Where", "State"):
        table.add_column(heading)
    for name, (url, state) in found.items():
        table.add_row(name, url, state)
    console.print(table)
    if any(state != "ready" for _, state in found.values()):
        raise typer.Exit(1)


@app.command()
def migrate(
    database: Annotated[
        str | None, typer.Option(help="Owner's address; else MUSTER_DATABASE__DSN, or the running stack's.")
    ] = None,
    data: Data = DATA_DIR,
) -> None:
    """Bring the database up to date. Passwords of the services' roles come from MUSTER_PASSWORD_<SERVICE>."""
    dsn = database or os.environ.get("MUSTER_DATABASE__DSN") or running(data)["database"]
    ran = asyncio.run(operations.migrate_database(dsn))
    console.print("\n".join(ran) if ran else "Nothing to do.")


@app.command()
def replay(
    since: Annotated[str, typer.Option(help="A time (2026-11-23T08:00:00+00:00), or hours back (6h).")],
    service: Service,
    data: Data = DATA_DIR,
    database: Database = None,
) -> None:
    """Publish again everything a service has published since then. Nothing takes effect twice."""
    try:
        at = (
            datetime.now(UTC) - timedelta(hours=float(since[:-1]))
            if since.endswith("h")
            else datetime.fromisoformat(since)
        )
    except ValueError:
        console.print(
            "[red]--since is a time such as 2026-11-23T08:00:00+00:00, or hours back such as 6h[/red]"
        )
        raise typer.Exit(2) from None
    servers = operations.find_servers(data, database, None)
    asyncio.run(operations.replay(servers, service, at if at.tzinfo else at.replace(tzinfo=UTC)))
    console.print(f"{service} publishes again what it published since {at:%Y-%m-%d %H:%M:%S}.")
