"""Codes and tokens of Intuit's OAuth 2: who may call for which company, and until when."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sandbox.state import Sandbox

CODE_SECONDS = 600
REFRESH_SECONDS = 8_726_400
HARD_SECONDS = 5 * 365 * 24 * 3600
DAY = 24 * 3600
ANY = "*"

KEEP = "INSERT OR IGNORE INTO tokens(value, kind, scope, expires_at, born, bound) VALUES (?, ?, ?, ?, ?, ?)"
FIND = "SELECT scope, born, bound FROM tokens WHERE value = ? AND kind = ? AND expires_at > ?"
SPEND = "UPDATE tokens SET kind = 'spent' WHERE scope = ? AND kind <> 'spent'"
SPEND_ONE = "UPDATE tokens SET kind = 'spent' WHERE value = ?"
EXPIRE = "UPDATE tokens SET expires_at = ? WHERE value = ?"
END_ACCESS = "DELETE FROM tokens WHERE kind = 'access' AND (?1 IS NULL OR scope = ?1)"
END_REFRESH = "UPDATE tokens SET kind = 'spent' WHERE kind = 'refresh' AND (?1 IS NULL OR scope = ?1)"
END_ALL = "UPDATE tokens SET kind = 'spent' WHERE ?1 IS NULL OR scope = ?1"


@dataclass(frozen=True, slots=True)
class Client:
    """The one registered application; without `redirect_uris` any http address may be returned to."""

    client_id: str
    client_secret: str
    access_seconds: int = 3600
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A live value: its company (or `ANY`), when a person consented, and the redirect address of a code."""

    scope: str
    born: int
    bound: str | None


@dataclass(frozen=True, slots=True)
class Granted:
    """A token answer; seconds count from now."""

    access: str
    refresh: str
    refresh_seconds: int
    hard_seconds: int


class Tokens:
    """Issued codes and tokens, kept so that they survive a restart; a spent value never comes back."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._db = sandbox.store.db

    def keep(
        self,
        value: str,
        kind: str,
        scope: str,
        seconds: int,
        *,
        born: int | None = None,
        bound: str | None = None,
    ) -> None:
        """Store a value unless it was known before."""
        now = self._sandbox.store.now()
        self._db.execute(
            KEEP, (value, kind, scope, now + seconds * 1_000_000, now if born is None else born, bound)
        )

    def issue(
        self, kind: str, scope: str, seconds: int, *, born: int | None = None, bound: str | None = None
    ) -> str:
        value = f"{kind}-{secrets.token_urlsafe(24)}"
        self.keep(value, kind, scope, seconds, born=born, bound=bound)
        return value

    def find(self, value: str, kind: str) -> Found | None:
        found = self._db.execute(FIND, (value, kind, self._sandbox.store.now())).fetchone()
        return Found(str(found[0]), int(found[1]), found[2]) if found else None

    def scope(self, value: str, kind: str) -> str | None:
        """The realm a live value stands for, or `ANY`."""
        found = self.find(value, kind)
        return found.scope if found else None

    def consent(self, realm: str, redirect_uri: str) -> str:
        """A code for a company that somebody has just approved."""
        return self.issue("code", realm, CODE_SECONDS, bound=redirect_uri)

    def exchange(self, code: str, redirect_uri: str, access_seconds: int) -> Granted | None:
        """The first pair; it replaces whatever connected this company before. A code is good once."""
        with self._sandbox.store.transaction():
            found = self.find(code, "code")
            if found is None or found.bound != redirect_uri:
                return None
            self.disconnect(found.scope)
            return self._pair(found.scope, self._sandbox.store.now(), access_seconds)

    def refresh(self, value: str, access_seconds: int) -> Granted | None:
        """The next pair, under the switches of rotation; None when the value is dead or past its last day."""
        with self._sandbox.store.transaction():
            found = self.find(value, "refresh")
            if found is None or self._hard_left(found.born) <= 0:
                return None
            if self._sandbox.on("old_access_dies"):
                self._db.execute(END_ACCESS, (found.scope,))
            if not self._sandbox.on("rotate_refresh"):
                seconds = self._refresh_seconds(found.born)
                self._db.execute(EXPIRE, (self._sandbox.store.now() + seconds * 1_000_000, value))
                access = self.issue("access", found.scope, access_seconds)
                return Granted(access, value, seconds, self._hard_left(found.born))
            if self._sandbox.on("old_refresh_dies"):
                self.spend(value)
            else:
                self._db.execute(EXPIRE, (self._sandbox.store.now() + DAY * 1_000_000, value))
            return self._pair(found.scope, found.born, access_seconds)

    def _pair(self, scope: str, born: int, access_seconds: int) -> Granted:
        seconds = self._refresh_seconds(born)
        access = self.issue("access", scope, access_seconds)
        refresh = self.issue("refresh", scope, seconds, born=born)
        return Granted(access, refresh, seconds, self._hard_left(born))

    def _refresh_seconds(self, born: int) -> int:
        return min(REFRESH_SECONDS, self._hard_left(born))

    def _hard_left(self, born: int) -> int:
        """Seconds until the day on which only a person can connect again."""
        hard = int(self._sandbox.number("hard_expiry_seconds"))
        return hard - (self._sandbox.store.now() - born) // 1_000_000

    def spend(self, value: str) -> None:
        self._db.execute(SPEND_ONE, (value,))

    def disconnect(self, scope: str) -> None:
        self._db.execute(SPEND, (scope,))

    def end(self, kinds: str, scope: str | None) -> None:
        """End `access` tokens as an hour would, `refresh` tokens as a lost rotation would, or `all`."""
        self._db.execute({"access": END_ACCESS, "refresh": END_REFRESH, "all": END_ALL}[kinds], (scope,))
