"""Who may log in: the administrator's invitation, its acceptance, and the log-in itself."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from sandbox.linarc import employee
from sandbox.state import Sandbox
from sandbox.store import Entry, Row

SHORTEST_PASSWORD = 8
KEEP = """INSERT INTO logins VALUES (?, ?, ?, ?)
    ON CONFLICT(scope, num) DO UPDATE SET token = excluded.token, hash = coalesce(excluded.hash, hash)"""
INVITED = "SELECT scope, num FROM logins WHERE token = ?"
HASH = "SELECT hash FROM logins WHERE scope = ? AND num = ?"
WHY = {
    "draft": "You are a Draft: an administrator has not invited you yet.",
    "invited": "You have been invited: open the link in your invitation first.",
    "suspended": "Your account is suspended.",
    "terminated": "Your account is closed.",
}


class Refusal(Exception):
    """What to tell the person."""


class Accounts:
    """Invitations and log-ins of all tenants."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._hasher = PasswordHasher()

    def invite(self, tenant: str, row: Row) -> tuple[Row, str]:
        """What only an administrator does: a draft is invited; an invited or active person gets a new link."""
        state = employee.state_of(row)
        if state in employee.INACTIVE:
            raise Refusal("Reactivate this person first.")
        if not row.email_key:
            raise Refusal("This person has no e-mail address to send an invitation to.")
        token = secrets.token_urlsafe(18)
        with self._store.transaction():
            if state == "draft":
                row = self._move(tenant, row, "invited", "invite")
            self._store.db.execute(KEEP, (tenant, row.num, token, None))
        return row, token

    def invited(self, token: str) -> tuple[str, Row] | None:
        """Whose invitation this is."""
        found = self._store.db.execute(INVITED, (token,)).fetchone() if token else None
        row = self._store.get(found[0], found[1]) if found else None
        if found is None or row is None or employee.state_of(row) not in ("invited", "active"):
            return None
        return str(found[0]), row

    def accept(self, token: str, password: str) -> Row:
        """The person chooses a password and is active; the link is used up."""
        found = self.invited(token)
        if found is None:
            raise Refusal("This invitation is not valid any more. Ask your administrator for another.")
        if len(password) < SHORTEST_PASSWORD:
            raise Refusal(f"Choose a password of {SHORTEST_PASSWORD} characters or more.")
        tenant, row = found
        hashed = self._hasher.hash(password)
        with self._store.transaction():
            if employee.state_of(row) == "invited":
                row = self._move(tenant, row, "active", "accept")
            self._store.db.execute(KEEP, (tenant, row.num, None, hashed))
        return row

    def log_in(self, tenant: str, email: str, password: str) -> Row:
        """The person, when active and known by this password."""
        num = self._store.holder(tenant, "email_key", email.strip().casefold())
        row = self._store.get(tenant, num) if num is not None else None
        if row is None:
            raise Refusal("Nobody here has this e-mail address.")
        state = employee.state_of(row)
        if state in WHY:
            raise Refusal(WHY[state])
        found = self._store.db.execute(HASH, (tenant, row.num)).fetchone()
        if found is None or found[0] is None:
            raise Refusal("You have no password yet: ask your administrator for an invitation.")
        try:
            self._hasher.verify(found[0], password)
        except VerificationError as wrong:
            raise Refusal("The password is wrong.") from wrong
        return row

    def _move(self, tenant: str, row: Row, state: str, operation: str) -> Row:
        moved = employee.moved(row, state, self._store.now())
        self._store.update(tenant, moved)
        self._store.record(tenant, Entry(operation, "applied", employee.remote_id(row.num)))
        self._sandbox.changed(tenant, row, moved)
        return moved
