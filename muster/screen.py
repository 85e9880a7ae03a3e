"""What the person who started Muster sees: one live table, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from muster.stack import Stack


class Screen:
    """Shows a stack while it starts, runs and ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        )
        self._reported = ""
        self.stack: Stack | None = None
        self.footer = ""

    def __enter__(self) -> Self:
        """Show it with `with`."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Leave the last picture."""
        if self._live is not None:
            self._live.stop()

    def changed(self) -> None:
        """Draw again, or print the new phase. Output that cannot be written, as to a file on a full disk, is lost."""
        with suppress(OSError):
            if self.stack is None:
                return
            if self._live is not None:
                self._live.update(self._picture(self.stack))
            elif self.stack.phase != self._reported:
                self._reported = self.stack.phase
                self._console.print(f"Muster: {self._reported}")

    def _picture(self, stack: Stack) -> Group:
        table = Table(title=f"Muster: {stack.phase}", title_justify="left")
        for heading in ("", "Process", "Where", "Up for", "Restarts"):
            table.add_column(heading)
        trouble: list[Text] = []
        for name, child in stack.children.items():
            up = child.pid is not None
            mark = Text("●", style="green" if up else "red")
            since = f"{time.monotonic() - child.started_at:.0f} s" if up else child.failed or "down"
            where = stack.urls.get(name.replace("sandbox-", "sandbox_"), {"kafka": stack.kafka}.get(name, ""))
            table.add_row(mark, name, where, since, str(child.restarts) if child.restarts else "")
            if not up and not child.stopping:
                trouble += [Text(f"{name}: {line}", style="dim") for line in child.tail(3)]
        return Group(table, *trouble, Text(self.footer))
