"""What the commands share: their options, and how a failure is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from muster.client import ApiError
from muster.errors import StackError
from shared.db.migrate import ChangedMigrationError, TooStrongError

console = Console()
DATA_DIR = Path(".muster")
_FIXABLE = (StackError, ApiError, ChangedMigrationError, TooStrongError)

Data = Annotated[Path, typer.Option("--data", help="The folder that keeps everything.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="The owner's address, or one service's; else MUSTER_DATABASE__DSN, or the running stack's.",
    ),
]
Kafka = Annotated[
    str | None,
    typer.Option("--kafka", help="HOST:PORT; else MUSTER_KAFKA__BOOTSTRAP, or the running stack's."),
]
Service = Annotated[str, typer.Option("--service", help="gateway, importer, mapper, syncer or history.")]


class Commands(TyperGroup):
    """All commands: what a person can fix is reported in one sentence, not as a traceback. Exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the one that was asked for."""
        try:
            return super().invoke(ctx)
        except _FIXABLE as error:
            console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
