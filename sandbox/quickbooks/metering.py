"""Intuit's metering: calls that bring data out (CorePlus) are counted and capped by month, writes (Core) are free."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.state import Sandbox

Kind = Literal["core", "core_plus"]
CORE_PLUS_A_MONTH = 500_000
COUNT = """INSERT INTO metered VALUES (?, ?, ?, ?)
    ON CONFLICT(scope, month, kind) DO UPDATE SET calls = calls + excluded.calls RETURNING calls"""
SHOW = "SELECT scope, month, kind, calls FROM metered ORDER BY scope, month, kind"


class Metering:
    """Counts by company and month, kept over restarts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def count(self, realm: str, kind: Kind, calls: int = 1) -> bool:
        """Count calls; False when the month's free CorePlus calls are used up (a cap of 0 is none)."""
        month = datetime.fromtimestamp(self._sandbox.store.clock(), UTC).strftime("%Y-%m")
        found = self._sandbox.store.db.execute(COUNT, (realm, month, kind, calls)).fetchall()
        cap = self._sandbox.number("core_plus_per_month")
        return kind == "core" or not 0 < cap < int(found[0][0])

    def show(self) -> list[dict[str, Any]]:
        names = ("realm", "month", "kind", "calls")
        return [dict(zip(names, row, strict=True)) for row in self._sandbox.store.db.execute(SHOW)]
