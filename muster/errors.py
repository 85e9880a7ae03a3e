"""What a person can fix, in one sentence that says how; never with a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from shared.db.pool import RefusedError
from shared.errors import Unavailable
from shared.messaging.authorise import RefusedRuleError
from shared.messaging.broker import RefusedTopicError


class StackError(Exception):
    """The stack cannot run, or a command cannot do its work; the text says why and what to do."""


class JarError(StackError):
    """A jar of Apache Kafka could not be had; the text says which, and the two ways out."""


def place_of(dsn: str) -> str:
    """Where a database is, without who works on it. Raises `StackError` when this is no address."""
    with suppress(ValueError):
        found = urlsplit(dsn)
        if found.scheme in ("postgresql", "postgres") and "@" not in found.path:
            return f"{found.hostname}:{found.port or 5432}"
    msg = "This is no address of a database. Give it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
    raise StackError(msg)


@contextmanager
def database_at(dsn: str) -> Iterator[None]:
    """While a database is worked on. Raises `StackError` when nobody answers, or we are not let in."""
    place = place_of(dsn)
    try:
        yield
    except Unavailable:
        msg = f"PostgreSQL does not answer at {place}. Start it, or give another address with --database."
        raise StackError(msg) from None
    except RefusedError as error:
        msg = f"PostgreSQL at {place} refuses: {error}. Fix the address that was given with --database."
        raise StackError(msg) from None


@contextmanager
def kafka_at(bootstrap: str) -> Iterator[None]:
    """While a broker is worked with. Raises `StackError` when nobody answers, or a topic is refused."""
    try:
        yield
    except Unavailable:
        msg = f"Apache Kafka does not answer at {bootstrap}. Start it, or give another address with --kafka."
        raise StackError(msg) from None
    except (RefusedTopicError, RefusedRuleError) as error:
        raise StackError(str(error)) from None
