"""Topics that a service paused because too many of their messages became dead letters: people see them, and let them go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.db.tx import Tx

_PAUSE = """
INSERT INTO paused_topics AS p (topic) VALUES ($1)
ON CONFLICT (topic) DO UPDATE SET seen_at = now(),
    paused_at = CASE WHEN p.seen_at < now() - interval '1 minute' THEN now() ELSE p.paused_at END
RETURNING coalesce(resume_until > now(), false)
"""
_LIST = """
SELECT topic, paused_at FROM paused_topics
WHERE seen_at > now() - interval '1 minute' AND coalesce(resume_until <= now(), true) ORDER BY topic
"""
_RESUME = """
UPDATE paused_topics SET resume_until = now() + interval '1 hour'
WHERE topic = $1 AND seen_at > now() - interval '1 minute' AND coalesce(resume_until <= now(), true) RETURNING topic
"""


@dataclass(frozen=True, slots=True)
class PausedTopic:
    """A topic that its consumers still found paused within the last minute."""

    topic: str
    paused_at: datetime


async def pause(tx: Tx, topic: str) -> bool:
    """Note that the topic is paused; whether a person lets it go on."""
    return bool(await tx.fetchval(_PAUSE, topic))


async def list_paused(tx: Tx) -> list[PausedTopic]:
    """The topics that this service has paused."""
    return [PausedTopic(*row) for row in await tx.fetch(_LIST)]


async def resume(tx: Tx, topic: str) -> bool:
    """Let the topic go on for an hour, whatever becomes a dead letter; False when it is not paused."""
    return await tx.fetchval(_RESUME, topic) is not None
