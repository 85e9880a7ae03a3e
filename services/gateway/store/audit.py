"""The administration audit log: who came in, who could not, and what was done to access, connections and rules.

Rows are only added.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.db.tx import Record, Tx

INSTALLATION = UUID(int=0)
"""The company of entries that belong to no company: every sign-in, those of strangers too, and new administrators."""
Action = Literal[
    "session.started",
    "session.ended",
    "session.refused",
    "key.refused",
    "key.created",
    "key.deleted",
    "role.changed",
    "member.invited",
    "member.joined",
    "member.removed",
    "invitation.deleted",
    "password.changed",
    "password.reset",
    "account.linked",
    "second_factor.added",
    "second_factor.removed",
    "endpoint.created",
    "endpoint.changed",
    "endpoint.deleted",
    "endpoint.disabled",
    "schedule.changed",
    "schedule.deleted",
    "channel.created",
    "channel.changed",
    "channel.deleted",
    "webhook.secret",
    "connection.made",
    "connection.paused",
    "connection.resumed",
    "connection.ended",
    "directory.confirmed",
    "company.created",
    "company.renamed",
    "rules.changed",
    "plan.approved",
    "plan.released",
    "plan.cancelled",
    "dead_letter.replayed",
    "dead_letter.discarded",
]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request came from: the client's address, and what its program calls itself, shortened."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `subject` is the key or person it happened to, `detail` a role or a reason, never a secret."""

    action: Action
    actor: str
    source: Source
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of these actions, by or about `who`, from `since` on and before `until`; None is no limit."""

    actions: Collection[str] | None = None
    who: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_ADD = """
INSERT INTO audit_entries (company_id, action, actor, subject, detail, address, agent)
SELECT company, $2, $3, $4, $5, $6, $7 FROM unnest($1::uuid[]) AS company
"""


async def add_entry(tx: Tx, companies: Collection[UUID], entry: Entry) -> None:
    """Append it to the log of each of these companies."""
    source = entry.source
    values = (entry.action, entry.actor, entry.subject, entry.detail, source.address, source.agent)
    await tx.execute(_ADD, list(companies), *values)


_ENTRIES = """
SELECT entry_id, at, action, actor, subject, detail, address, agent FROM audit_entries
WHERE company_id = $1 AND ($2::bigint IS NULL OR entry_id < $2)
  AND ($3::text[] IS NULL OR action = ANY ($3)) AND ($4::text IS NULL OR actor = $4 OR subject = $4)
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
ORDER BY entry_id DESC LIMIT $7
"""


async def list_entries(tx: Tx, company: UUID, before: int | None, wanted: Wanted, limit: int) -> list[Record]:
    """A page of the log, newest first; `before` is the last entry of the page before."""
    chosen = list(wanted.actions) if wanted.actions is not None else None
    return await tx.fetch(_ENTRIES, company, before, chosen, wanted.who, wanted.since, wanted.until, limit)
