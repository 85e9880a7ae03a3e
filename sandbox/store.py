"""The SQLite file of one sandbox: employees as JSON text, the journal of writes, and remembered answers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from sandbox.schema import EMPTY_JOURNAL, KEEP_JOURNAL, LATER_COLUMNS, LATER_INDEXES, SCHEMA

Clock = Callable[[], float]
Key = Literal["name_key", "number_key", "email_key"]
REPLAY_SECONDS = 24 * 3600

_COLUMNS = "num, version, active, created_at, updated_at, name_key, number_key, email_key, CAST(data AS BLOB), former"
GET = f"SELECT {_COLUMNS} FROM employees WHERE scope = ? AND num = ?"
INSERT = "INSERT INTO employees VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
UPDATE = """UPDATE employees SET version = ?, active = ?, created_at = ?, updated_at = ?, name_key = ?,
    number_key = ?, email_key = ?, data = ?, former = ? WHERE scope = ? AND num = ?"""
HOLDER: dict[Key, str] = {
    "name_key": "SELECT num FROM employees WHERE scope = ? AND name_key = ?",
    "number_key": "SELECT num FROM employees WHERE scope = ? AND number_key = ?",
    "email_key": "SELECT num FROM employees WHERE scope = ? AND email_key = ?",
}
JOURNAL = """INSERT INTO journal(at, scope, request_id, item, operation, remote_id, outcome, code, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
JOURNAL_AFTER = """SELECT n, at, scope, request_id, item, operation, remote_id, outcome, code,
    CAST(body AS BLOB) FROM journal WHERE n > ? ORDER BY n LIMIT ?"""
NEXT_NUM = """SELECT max(coalesce((SELECT max(num) FROM employees WHERE scope = ?1), 0),
    coalesce((SELECT max(num) FROM removed WHERE scope = ?1), 0)) + 1"""
REMOVED_SINCE = "SELECT num, at FROM removed WHERE scope = ? AND at >= ? ORDER BY at, num LIMIT ?"
NAME_HOLDERS = """SELECT scope, num, 0 FROM employees WHERE scope = ?1 AND name_key = ?4
    UNION ALL SELECT scope, num, 0 FROM employees WHERE scope = ?2 AND name_key = ?4
    UNION ALL SELECT scope, num, 0 FROM employees WHERE scope = ?3 AND name_key = ?4
    UNION ALL SELECT scope, num, 1 FROM employees WHERE scope IN (?1, ?2, ?3) AND former = ?4"""
EMPLOYEE_COUNTS = "SELECT scope, count(*), sum(active) FROM employees GROUP BY scope"
JOURNAL_COUNTS = "SELECT scope, operation, outcome, count(*) FROM journal GROUP BY scope, operation, outcome"


@dataclass(frozen=True, slots=True)
class Row:
    """One stored employee; `data` is its JSON text, times are microseconds since 1970.

    `former` is what an inactive person was before: the name in QuickBooks, the state in Linarc.
    """

    num: int
    version: int
    active: bool
    created_at: int
    updated_at: int
    name_key: str | None
    number_key: str | None
    email_key: str | None
    data: bytes
    former: str | None = None


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What a write answered, kept word for word for its idempotency key."""

    status: int
    body: bytes
    headers: dict[str, str]
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: a write somebody asked for and what became of it."""

    operation: str
    outcome: Literal["applied", "refused", "replayed", "faulted"]
    remote_id: str | None = None
    request_id: str | None = None
    item: str | None = None
    code: str | None = None
    body: bytes = b"null"


def holding(paths: Sequence[str], text: str) -> tuple[str, list[object]]:
    """SQL, and its values, of who holds the text at one of these JSON paths; of everybody for no text."""
    if not text:
        return "", []
    held = " || ' ' || ".join(f"coalesce(json_extract(data, '$.{path}'), '')" for path in paths)
    return f" AND instr(fold({held}), ?)", [text.casefold()]


def fold(text: str | float | bytes | None) -> str | float | bytes | None:
    """The form in which names and e-mails are compared."""
    return text.casefold() if isinstance(text, str) else text


class Store:
    """One connection, used from one thread; every write happens inside `transaction`."""

    def __init__(self, path: Path | str, clock: Clock = time.time) -> None:
        self.clock = clock
        self._next: dict[str, int] = {}
        self._lines: list[tuple[object, ...]] = []
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("PRAGMA cache_size = -32768")
        self.db.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE asks the journal's too
        self.db.create_function("fold", 1, fold, deterministic=True)
        self.db.executescript(SCHEMA)
        for table, column, kind in LATER_COLUMNS:
            if all(row[1] != column for row in self.db.execute(f"PRAGMA table_info({table})")):
                self.db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        self.db.execute(LATER_INDEXES)
        self.db.execute(KEEP_JOURNAL)

    def close(self) -> None:
        self.db.close()

    def now(self) -> int:
        """Microseconds since 1970."""
        return int(self.clock() * 1_000_000)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.executemany(JOURNAL, self._lines)
        except BaseException:
            self.db.execute("ROLLBACK")
            self._next.clear()
            raise
        finally:
            self._lines.clear()
        self.db.execute("COMMIT")

    def next_num(self, scope: str) -> int:
        """The next free number; one that was removed never comes back."""
        if scope not in self._next:
            self._next[scope] = int(self.db.execute(NEXT_NUM, (scope,)).fetchone()[0])
        return self._next[scope]

    def insert(self, scope: str, row: Row) -> None:
        self.db.execute(
            INSERT,
            (
                scope,
                row.num,
                row.version,
                row.active,
                row.created_at,
                row.updated_at,
                row.name_key,
                row.number_key,
                row.email_key,
                row.data.decode(),
                row.former,
            ),
        )
        if scope in self._next:
            self._next[scope] = max(self._next[scope], row.num + 1)

    def update(self, scope: str, row: Row) -> None:
        self.db.execute(
            UPDATE,
            (
                row.version,
                row.active,
                row.created_at,
                row.updated_at,
                row.name_key,
                row.number_key,
                row.email_key,
                row.data.decode(),
                row.former,
                scope,
                row.num,
            ),
        )

    def remove(self, scope: str, num: int) -> None:
        self.db.execute("DELETE FROM employees WHERE scope = ? AND num = ?", (scope, num))
        self.db.execute("INSERT OR REPLACE INTO removed VALUES (?, ?, ?)", (scope, num, self.now()))

    def removed(self, scope: str, since: int, limit: int) -> list[tuple[int, int]]:
        """(number, microseconds) of what was removed at or after `since`."""
        return list(self.db.execute(REMOVED_SINCE, (scope, since, limit)))

    def get(self, scope: str, num: int) -> Row | None:
        found = self.db.execute(GET, (scope, num)).fetchone()
        return Row(*found) if found else None

    def after(
        self, scope: str, num: int, limit: int, where: str = "", values: Sequence[object] = ()
    ) -> list[Row]:
        """Rows with a higher number, in order; `where` is more SQL, put together from fixed parts only."""
        sql = f"SELECT {_COLUMNS} FROM employees WHERE scope = ? AND num > ?{where} ORDER BY num LIMIT ?"
        return [Row(*row) for row in self.db.execute(sql, (scope, num, *values, limit))]

    def holder(self, scope: str, key: Key, value: str) -> int | None:
        """The number of the employee that has this unique value."""
        found = self.db.execute(HOLDER[key], (scope, value)).fetchone()
        return int(found[0]) if found else None

    def name_holders(self, scopes: tuple[str, str, str], name: str) -> list[tuple[str, int, bool]]:
        """(scope, number, whether only as a former name) of the one that has this name in one of three lists."""
        return self.db.execute(NAME_HOLDERS, (*scopes, name)).fetchall()

    def select(
        self, scope: str, where: str, values: Sequence[object], order: str, limit: int, offset: int
    ) -> list[bytes]:
        """JSON texts of a page; `where` and `order` are SQL put together from fixed parts only."""
        columns = "CAST(data AS BLOB)"
        sql = f"SELECT {columns} FROM employees WHERE scope = ?{where} ORDER BY {order} LIMIT ? OFFSET ?"
        return [row[0] for row in self.db.execute(sql, (scope, *values, limit, offset))]

    def search(self, scope: str, num: int, limit: int, paths: Sequence[str], text: str) -> list[Row]:
        """Rows with a higher number that hold the text at one of these JSON paths; all of them for no text."""
        return self.after(scope, num, limit, *holding(paths, text))

    def count(self, scope: str, where: str, values: Sequence[object]) -> int:
        sql = f"SELECT count(*) FROM employees WHERE scope = ?{where}"
        return int(self.db.execute(sql, (scope, *values)).fetchone()[0])

    def record(self, scope: str, entry: Entry) -> None:
        """Note a line of the journal, which is written with the transaction."""
        line = (entry.request_id, entry.item, entry.operation, entry.remote_id, entry.outcome, entry.code)
        self._lines.append((self.now(), scope, *line, entry.body.decode()))

    def journal(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Its lines with a higher number, in order; nothing but `reset` takes one away."""
        names = ("n", "at", "scope", "request_id", "item", "operation", "remote_id", "outcome", "code")
        return [
            {**dict(zip(names, row, strict=False)), "body": orjson.Fragment(row[9])}
            for row in self.db.execute(JOURNAL_AFTER, (after, limit))
        ]

    def remember(self, scope: str, key: str, answer: StoredResponse) -> None:
        now = self.now()
        self.db.execute(
            "DELETE FROM replays WHERE scope = ? AND key = ? AND at <= ?",
            (scope, key, now - REPLAY_SECONDS * 1_000_000),
        )
        self.db.execute(
            "INSERT OR IGNORE INTO replays VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                scope,
                key,
                now,
                answer.status,
                orjson.dumps(answer.headers).decode(),
                answer.body,
                answer.fingerprint,
            ),
        )

    def recall(self, scope: str, key: str) -> StoredResponse | None:
        """The answer this key got within the last 24 hours."""
        found = self.db.execute(
            "SELECT status, body, headers, fingerprint FROM replays WHERE scope = ? AND key = ? AND at > ?",
            (scope, key, self.now() - REPLAY_SECONDS * 1_000_000),
        ).fetchone()
        return StoredResponse(found[0], found[1], orjson.loads(found[2]), found[3]) if found else None

    def setting(self, name: str) -> dict[str, Any]:
        """What was kept under this name; empty when nothing was."""
        found = self.db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return dict(orjson.loads(found[0])) if found else {}

    def keep_setting(self, name: str, value: dict[str, Any]) -> None:
        text = orjson.dumps(value).decode()
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, text))

    def counts(self) -> dict[str, Any]:
        employees = {s: {"total": n, "active": active} for s, n, active in self.db.execute(EMPLOYEE_COUNTS)}
        writes = [
            dict(zip(("scope", "operation", "outcome", "count"), row, strict=True))
            for row in self.db.execute(JOURNAL_COUNTS)
        ]
        return {"employees": employees, "writes": writes}

    def reset(self, scope: str | None = None) -> None:
        """Forget employees, journal and remembered answers; tokens stay."""
        self._next.clear()
        with self.transaction():
            self.db.execute(EMPTY_JOURNAL)
            for table in ("employees", "removed", "logins", "journal", "replays"):
                self.db.execute(f"DELETE FROM {table} WHERE ?1 IS NULL OR scope = ?1", (scope,))
            self.db.execute(KEEP_JOURNAL)
