"""Conditions of companies, and the notices and messages that tell people of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import orjson

from services.gateway.core.notices import Habits, News, Notice, Outcome, Standing
from shared.db.tx import Record, Tx

_TAKE = """
UPDATE notice_watch SET look_at = now() + make_interval(secs => $1) WHERE look_at <= now() RETURNING one
"""


async def take_look(tx: Tx, seconds: float) -> bool:
    """Whether it is time to look, and this process is the one that does."""
    return await tx.fetchval(_TAKE, seconds) is not None


_LOCK = "SELECT one FROM notice_watch FOR UPDATE"
_TRY_LOCK = "SELECT one FROM notice_watch FOR UPDATE SKIP LOCKED"


async def lock_watch(tx: Tx) -> None:
    """Be the only one that decides on conditions until `tx` ends."""
    await tx.fetchval(_LOCK)


async def try_lock_watch(tx: Tx) -> bool:
    """The same, unless somebody else is."""
    return await tx.fetchval(_TRY_LOCK) is not None


_STANDING = """
SELECT company_id, kind, subject, told, since, gone_at, detail FROM conditions WHERE company_id = ANY ($1::uuid[])
"""


async def load_standing(tx: Tx, companies: Sequence[UUID]) -> dict[UUID, list[Standing]]:
    """What is known to be wrong, by company."""
    found: dict[UUID, list[Standing]] = defaultdict(list)
    for row in await tx.fetch(_STANDING, companies):
        values = dict(row.items()) | {"detail": orjson.loads(row["detail"])}
        found[values.pop("company_id")].append(Standing(**values))
    return found


_SAVE = """
WITH given AS (
    SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::json[])
        AS t (company_id, kind, subject, told, since, gone_at, detail)
), gone AS (
    DELETE FROM conditions c WHERE c.company_id = ANY ($1::uuid[]) AND NOT EXISTS (
        SELECT FROM given g WHERE g.company_id = c.company_id AND g.kind = c.kind AND g.subject = c.subject)
)
INSERT INTO conditions (company_id, kind, subject, told, since, gone_at, detail) SELECT * FROM given
ON CONFLICT (company_id, kind, subject) DO UPDATE SET
    told = excluded.told, gone_at = excluded.gone_at, detail = excluded.detail
"""


async def save_standing(tx: Tx, outcomes: Mapping[UUID, Outcome]) -> None:
    """What is known of these companies from now on."""
    rows = [(company, *one) for company, outcome in outcomes.items() for one in outcome.standing]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    columns[-1] = [orjson.dumps(detail).decode() for detail in columns[-1]]
    await tx.execute(_SAVE, list(outcomes), *columns)


_ADD = """
WITH news AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::timestamptz[])
        AS t (company_id, company, kind, subject, change, detail, since)
), receivers AS (
    SELECT m.company_id, m.user_id AS receiver_id, coalesce(k.kinds, CASE m.role WHEN 'admin' THEN $8::text[] ELSE '{}' END)
        AS kinds
    FROM memberships m LEFT JOIN notice_kinds k ON k.company_id = m.company_id AND k.user_id = m.user_id
    WHERE $9 AND m.company_id = ANY ($1::uuid[])
    UNION ALL
    SELECT company_id, channel_id, kinds FROM notice_channels WHERE active AND company_id = ANY ($1::uuid[])
)
INSERT INTO notices (company_id, receiver_id, kind, subject, change, company, detail, since)
SELECT n.company_id, r.receiver_id, n.kind, n.subject, n.change, n.company, n.detail, n.since
FROM news n JOIN receivers r ON r.company_id = n.company_id AND n.kind = ANY (r.kinds)
"""


async def add_notices(
    tx: Tx, news: Iterable[tuple[UUID, str, News]], usual: Sequence[str], *, mail: bool
) -> None:
    """One notice for each receiver of each of these (company, its name, what happened).

    Administrators who have chosen nothing receive the `usual` kinds. Without `mail` nobody receives any by e-mail.
    """
    rows = [
        (company, name, one.kind, one.subject, one.change, orjson.dumps(one.detail).decode(), one.since)
        for company, name, one in news
    ]
    if rows:
        await tx.execute(_ADD, *map(list, zip(*rows, strict=True)), list(usual), mail)


_PENDING = """
SELECT EXISTS (SELECT FROM notices WHERE message_id IS NULL)
    OR EXISTS (SELECT FROM notice_messages WHERE state = 'waiting' AND next_try_at <= now())
"""


async def is_pending(tx: Tx) -> bool:
    """Whether any notice waits for a message, or a message for being sent."""
    return bool(await tx.fetchval(_PENDING))


_UNDELIVERED = """
SELECT coalesce(c.shape, 'mail') AS channel, count(*) FROM notice_messages m
LEFT JOIN notice_channels c ON c.channel_id = m.receiver_id
WHERE m.state = 'waiting' AND m.tries >= $1 GROUP BY 1
"""


async def count_undelivered(tx: Tx, tries: int) -> dict[str, int]:
    """Messages that so many tries or more did not deliver and that are tried again, by `mail` or shape of channel."""
    return {row["channel"]: row["count"] for row in await tx.fetch(_UNDELIVERED, tries)}


_FORGET = """
DELETE FROM notices n WHERE n.message_id IS NULL
  AND NOT EXISTS (SELECT FROM memberships m WHERE m.company_id = n.company_id AND m.user_id = n.receiver_id)
  AND NOT EXISTS (SELECT FROM notice_channels c WHERE c.channel_id = n.receiver_id AND c.active)
"""
_WAITING = """
SELECT w.receiver_id, w.first_at, h.quiet_from, h.quiet_until, h.time_zone, h.digest_minutes,
       ARRAY(SELECT m.created_at FROM notice_messages m WHERE m.receiver_id = w.receiver_id AND NOT m.test
             ORDER BY m.created_at DESC LIMIT 3) AS sent
FROM (SELECT receiver_id, min(at) AS first_at FROM notices WHERE message_id IS NULL GROUP BY 1) w
LEFT JOIN notice_habits h ON h.user_id = w.receiver_id
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A receiver for whom notices wait since `first_at`, and the times of the last messages."""

    receiver_id: UUID
    first_at: datetime
    habits: Habits
    sent: Sequence[datetime]


async def load_waiting(tx: Tx) -> list[Waiting]:
    """For whom notices wait. Those of who has left a company, and of channels that are off, are forgotten."""
    await tx.execute(_FORGET)
    return [
        Waiting(
            row["receiver_id"],
            row["first_at"],
            Habits(row["quiet_from"], row["quiet_until"], row["time_zone"], row["digest_minutes"])
            if row["time_zone"] is not None
            else Habits(),
            row["sent"],
        )
        for row in await tx.fetch(_WAITING)
    ]


_GATHER = """
WITH made AS (
    INSERT INTO notice_messages (message_id, receiver_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])
    RETURNING message_id, receiver_id
)
UPDATE notices n SET message_id = made.message_id FROM made
WHERE n.receiver_id = made.receiver_id AND n.message_id IS NULL
"""


async def gather_messages(tx: Tx, messages: Mapping[UUID, UUID]) -> None:
    """Put what waits for each receiver into one message; `messages` are their ids, by receiver."""
    await tx.execute(_GATHER, list(messages.values()), list(messages))


_RECENT = """
SELECT count(*) FROM notice_messages WHERE receiver_id = $1 AND test AND created_at > now() - interval '1 minute'
"""
_TEST = "INSERT INTO notice_messages (message_id, receiver_id, test) VALUES ($1, $2, true)"
_TEST_NOTICE = """
INSERT INTO notices (company_id, receiver_id, kind, subject, change, company, detail, since, message_id)
VALUES ($1, $2, 'connection', '', 'test', $3, '{}', now(), $4)
"""


async def recent_tests(tx: Tx, receiver: UUID) -> int:
    """Tests that a receiver was sent within the last minute."""
    count: int = await tx.fetchval(_RECENT, receiver)
    return count


async def add_test(tx: Tx, message: UUID, receiver: UUID, company: UUID, name: str) -> None:
    """A test, which goes at once; `tx` is the system's."""
    await tx.execute(_TEST, message, receiver)
    await tx.execute(_TEST_NOTICE, company, receiver, name, message)


@dataclass(frozen=True, slots=True)
class Due:
    """One message to send now, under a lease: to a person's address, or to a channel."""

    message_id: UUID
    receiver_id: UUID
    lease_token: int
    tries: int
    created_at: datetime
    email: str | None
    time_zone: str
    company_id: UUID | None
    """A channel's."""
    shape: Literal["webhook", "slack", "teams"] | None
    key_id: str | None
    sealed: bytes | None


_CLAIM = """
WITH due AS (
    SELECT message_id FROM notice_messages WHERE state = 'waiting' AND next_try_at <= now()
    ORDER BY next_try_at LIMIT 20 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE notice_messages m SET lease_token = lease_token + 1, next_try_at = now() + make_interval(secs => $1)
    FROM due WHERE m.message_id = due.message_id
    RETURNING m.message_id, m.receiver_id, m.lease_token, m.tries, m.created_at
)
SELECT t.*, u.email, coalesce(h.time_zone, nullif(u.time_zone, ''), 'UTC') AS time_zone,
       c.company_id, c.shape, c.key_id, c.sealed
FROM taken t LEFT JOIN users u ON u.user_id = t.receiver_id LEFT JOIN notice_habits h ON h.user_id = t.receiver_id
LEFT JOIN notice_channels c ON c.channel_id = t.receiver_id
"""
_LINES = """
SELECT message_id, company_id, company, kind, subject, change, detail, since, at FROM notices
WHERE message_id = ANY ($1::uuid[]) ORDER BY notice_id
"""


async def claim_messages(tx: Tx, lease_seconds: float) -> list[tuple[Due, list[Notice]]]:
    """Messages that are due, each with its notices."""
    due = [Due(**dict(row.items())) for row in await tx.fetch(_CLAIM, lease_seconds)]
    lines: dict[UUID, list[Notice]] = defaultdict(list)
    for row in await tx.fetch(_LINES, [one.message_id for one in due]) if due else ():
        values = dict(row.items()) | {"detail": orjson.loads(row["detail"])}
        lines[values.pop("message_id")].append(Notice(**values))
    return [(one, lines[one.message_id]) for one in due]


_RECORD = """
UPDATE notice_messages SET tries = tries + 1, answer = $3, state = $4,
    next_try_at = CASE WHEN $4 = 'waiting' THEN now() + make_interval(secs => $5) ELSE next_try_at END,
    ended_at = CASE WHEN $4 <> 'waiting' THEN now() END
WHERE message_id = $1 AND lease_token = $2 AND state = 'waiting'
"""


async def record_try(tx: Tx, due: Due, answer: str, state: str, wait_seconds: float) -> None:
    """What became of one try."""
    await tx.execute(_RECORD, due.message_id, due.lease_token, answer, state, wait_seconds)


_MESSAGES = """
SELECT m.message_id, m.state, m.tries, m.answer, m.created_at, m.ended_at,
       CASE WHEN m.state = 'waiting' THEN m.next_try_at END AS next_try_at,
       (SELECT json_agg(json_build_object('kind', n.kind, 'subject', n.subject, 'change', n.change, 'detail', n.detail,
                        'since', n.since, 'at', n.at) ORDER BY n.notice_id)
        FROM notices n WHERE n.message_id = m.message_id AND n.company_id = $2) AS notices
FROM notice_messages m
WHERE m.receiver_id = $1 AND EXISTS (SELECT FROM notices n WHERE n.message_id = m.message_id AND n.company_id = $2)
ORDER BY m.created_at DESC, m.message_id DESC LIMIT $3
"""


async def list_messages(tx: Tx, receiver: UUID, company: UUID, limit: int) -> list[Record]:
    """The last messages to a receiver with notices of one company, newest first; `tx` is the system's."""
    return await tx.fetch(_MESSAGES, receiver, company, limit)


_PRUNE = """
DELETE FROM notice_messages WHERE message_id IN (
    SELECT message_id FROM notice_messages WHERE state <> 'waiting' AND ended_at < now() - make_interval(days => $1)
    ORDER BY ended_at LIMIT 1000)
"""


async def prune_messages(tx: Tx, days: int) -> None:
    """Forget some of what ended so many days ago."""
    await tx.execute(_PRUNE, days)
