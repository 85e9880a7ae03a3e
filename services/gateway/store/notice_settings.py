"""What people want to be told, and a company's channels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from services.gateway.core.notices import Habits
from shared.db.seal import Sealer
from shared.db.tx import Record, Tx

_KINDS = "SELECT kinds FROM notice_kinds WHERE company_id = $1 AND user_id = $2"
_HABITS = "SELECT quiet_from, quiet_until, time_zone, digest_minutes FROM notice_habits WHERE user_id = $1"


async def load_mine(tx: Tx, company: UUID, user: UUID) -> tuple[list[str] | None, Habits | None]:
    """The kinds that a person has chosen in this company, and when messages may come; None: nothing was chosen."""
    kinds: list[str] | None = await tx.fetchval(_KINDS, company, user)
    row = await tx.fetchrow(_HABITS, user)
    return kinds, Habits(*row) if row else None


_SAVE_KINDS = """
INSERT INTO notice_kinds (company_id, user_id, kinds) VALUES ($1, $2, $3)
ON CONFLICT (company_id, user_id) DO UPDATE SET kinds = excluded.kinds
"""
_SAVE_HABITS = """
INSERT INTO notice_habits (user_id, quiet_from, quiet_until, time_zone, digest_minutes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id) DO UPDATE SET quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
    time_zone = excluded.time_zone, digest_minutes = excluded.digest_minutes
"""


async def save_mine(tx: Tx, company: UUID, user: UUID, kinds: Sequence[str], habits: Habits) -> None:
    """What a person wants to be told of this company; when, holds for all."""
    await tx.execute(_SAVE_KINDS, company, user, list(kinds))
    await tx.execute(_SAVE_HABITS, user, *habits)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel's notices are posted to; `secret` signs them, for webhooks."""

    url: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel to store. `host` is what people see of its address, which may be a secret itself."""

    channel_id: UUID
    shape: str
    name: str
    host: str
    kinds: Sequence[str]
    address: Address
    created_by: str


def _bound_to(company: UUID, channel: UUID) -> str:
    return f"{company}|gateway.notice_channels|sealed|{channel}"


def open_address(sealer: Sealer, company: UUID, channel: UUID, key_id: str, sealed: bytes) -> Address:
    """Where to post. Raises `SealError`."""
    return Address(**orjson.loads(sealer.open(key_id, sealed, _bound_to(company, channel))))


_ADD = """
INSERT INTO notice_channels (company_id, channel_id, shape, name, host, kinds, key_id, sealed, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def add_channel(tx: Tx, sealer: Sealer, company: UUID, new: NewChannel) -> None:
    """Store it; it receives from now on."""
    text = orjson.dumps({"url": new.address.url, "secret": new.address.secret})
    sealed = sealer.close(text, _bound_to(company, new.channel_id))
    await tx.execute(
        _ADD, company, new.channel_id, new.shape, new.name, new.host, list(new.kinds), *sealed, new.created_by
    )


_LIST = """
SELECT channel_id, shape, name, host, kinds, active, created_by, created_at FROM notice_channels
WHERE company_id = $1 AND ($2::uuid IS NULL OR channel_id = $2) ORDER BY created_at, channel_id
"""


async def list_channels(tx: Tx, company: UUID, channel: UUID | None = None) -> list[Record]:
    """The company's channels, or one of them."""
    return await tx.fetch(_LIST, company, channel)


_CHANGE = """
UPDATE notice_channels SET name = coalesce($3, name), kinds = coalesce($4::text[], kinds), active = coalesce($5, active)
WHERE company_id = $1 AND channel_id = $2
"""


async def change_channel(
    tx: Tx,
    company: UUID,
    channel: UUID,
    name: str | None,
    kinds: Sequence[str] | None,
    *,
    active: bool | None,
) -> None:
    """Change what is given."""
    await tx.execute(_CHANGE, company, channel, name, list(kinds) if kinds is not None else None, active)


_DROP = "DELETE FROM notice_channels WHERE company_id = $1 AND channel_id = $2 RETURNING channel_id"


async def drop_channel(tx: Tx, company: UUID, channel: UUID) -> bool:
    """Remove it; whether it was there."""
    return await tx.fetchval(_DROP, company, channel) is not None


_STOP = "UPDATE notice_channels SET active = false WHERE channel_id = $1"


async def stop_channel(tx: Tx, channel: UUID) -> None:
    """It is gone at the other end: send nothing there until somebody makes it active again."""
    await tx.execute(_STOP, channel)


_WATCHED = """
SELECT DISTINCT company_id FROM memberships WHERE $1
UNION SELECT company_id FROM notice_channels WHERE active
UNION SELECT company_id FROM conditions
ORDER BY company_id
"""


async def watched_companies(tx: Tx, *, mail: bool) -> Collection[UUID]:
    """Companies of which somebody may want to be told."""
    return [row["company_id"] for row in await tx.fetch(_WATCHED, mail)]
