"""Webhooks: the secrets of each account, and one receipt for each event that was delivered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.gateway.core import Secret
from shared.db.seal import Sealer
from shared.db.tx import Record, Tx
from shared.domain.settings import Account

_PUT = """
INSERT INTO webhooks (company_id, account_id, system, tenant_id, connected) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (company_id, account_id) DO UPDATE SET connected = excluded.connected, moved_at = now()
"""


async def put_account(tx: Tx, company: UUID, account: Account) -> None:
    """Webhooks of this account are taken while it is connected."""
    values = (account.account_id, account.system, account.tenant_id, account.connected)
    await tx.execute(_PUT, company, *values)


_PARTS = """
UPDATE webhooks SET part = CASE account_id WHEN $2 THEN 'source' WHEN $3 THEN 'destination' END WHERE company_id = $1
"""


async def save_parts(tx: Tx, company: UUID, source: UUID | None, destination: UUID | None) -> None:
    """Which of the company's accounts its active route reads, and which it writes."""
    await tx.execute(_PARTS, company, source, destination)


_OPPOSITE = """
SELECT EXISTS (
    SELECT FROM webhooks s JOIN webhooks d ON d.company_id = s.company_id
    WHERE s.company_id <> $1 AND s.part = 'source' AND s.system = $2 AND s.tenant_id = $3
      AND d.part = 'destination' AND d.system = $4 AND d.tenant_id = $5)
"""


async def is_followed_back(tx: Tx, company: UUID, source: Account, destination: Account) -> bool:
    """Whether another company's active route reads what this one writes, and writes what it reads."""
    ends = (destination.system, destination.tenant_id, source.system, source.tenant_id)
    return bool(await tx.fetchval(_OPPOSITE, company, *ends))


_ELSEWHERE = """
SELECT EXISTS (SELECT FROM webhooks WHERE company_id <> $1 AND system = $2 AND tenant_id = $3 AND connected)
"""


async def is_connected_elsewhere(tx: Tx, company: UUID, account: Account) -> bool:
    """Whether another company here is connected with the same company of the system."""
    return bool(await tx.fetchval(_ELSEWHERE, company, account.system, account.tenant_id))


def _place(company: UUID, account: UUID) -> str:
    return f"{company}|gateway.webhooks|sealed|{account}"


def open_secrets(sealer: Sealer, row: Record) -> list[Secret]:
    """The secrets of a row. Raises `SealError`."""
    if not row["sealed"]:
        return []
    text = sealer.open(row["key_id"], row["sealed"], _place(row["company_id"], row["account_id"]))
    return [
        Secret(secret, datetime.fromisoformat(until) if until else None)
        for secret, until in orjson.loads(text)
    ]


_LOCK = """
SELECT company_id, account_id, key_id, sealed FROM webhooks WHERE company_id = $1 AND account_id = $2 FOR UPDATE
"""


async def lock_secrets(tx: Tx, company: UUID, account: UUID) -> Record | None:
    """The account's sealed secrets, to be changed in this transaction."""
    return await tx.fetchrow(_LOCK, company, account)


_SAVE = """
UPDATE webhooks SET key_id = $3, sealed = $4, secret_made_at = now(), moved_at = now()
WHERE company_id = $1 AND account_id = $2
"""


async def save_secrets(
    tx: Tx, sealer: Sealer, company: UUID, account: UUID, secrets: Sequence[Secret]
) -> None:
    """Put these secrets, the newest first, in place of the account's others."""
    sealed = sealer.close(orjson.dumps([tuple(one) for one in secrets]), _place(company, account))
    await tx.execute(_SAVE, company, account, *sealed)


_MOVED = """
SELECT company_id, account_id, system, tenant_id, connected, key_id, sealed, moved_at FROM webhooks
WHERE moved_at >= $1 OR $1 IS NULL
"""


async def moved_webhooks(tx: Tx, since: datetime | None) -> list[Record]:
    """All that have changed since then, of every company."""
    return await tx.fetch(_MOVED, since)


_SHOW = """
SELECT w.sealed <> '' AS has_secret, w.secret_made_at,
       (SELECT r.received_at FROM webhook_receipts r WHERE r.account_id = w.account_id AND r.company_id = w.company_id
        ORDER BY r.received_at DESC LIMIT 1) AS last_received_at
FROM webhooks w WHERE w.company_id = $1 AND w.account_id = $2
"""


async def show_webhook(tx: Tx, company: UUID, account: UUID) -> Record | None:
    """Whether the account has a secret, since when, and when the last event came, as far back as receipts are kept."""
    return await tx.fetchrow(_SHOW, company, account)


class Receipt(NamedTuple):
    """One event for one account; `remote_id` where it is about an employee. All but `version` is kept."""

    event_time: datetime
    account_id: UUID
    event_id: str
    company_id: UUID
    kind: str
    remote_id: str | None
    version: str | None = None


_ADD = """
INSERT INTO webhook_receipts (event_time, account_id, event_id, company_id, kind, remote_id)
SELECT * FROM unnest($1::receipt_row[])
ON CONFLICT DO NOTHING RETURNING event_time, account_id, event_id, company_id
"""


async def add_receipts(tx: Tx, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Keep them; those that had not been delivered before."""
    known = {receipt[:4]: receipt for receipt in receipts}
    return [known[tuple(row)] for row in await tx.fetch(_ADD, [r[:6] for r in receipts])]


_KEEP = "SELECT muster.keep_partitions('webhook_receipts', $1)"


async def keep_receipts(tx: Tx, days: int) -> None:
    """Make the partitions of the next days, and drop those that are older than so many."""
    await tx.execute(_KEEP, days)
