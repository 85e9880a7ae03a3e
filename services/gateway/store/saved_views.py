"""What a person keeps of the list: filter, order, columns and density under a name."""

from __future__ import annotations

from uuid import UUID

from shared.db.tx import Record, Tx

_LIST = """
SELECT view_id, name, look FROM saved_views WHERE company_id = $1 AND user_id = $2 ORDER BY lower(name), view_id
"""


async def list_views(tx: Tx, company: UUID, user: UUID) -> list[Record]:
    """The person's views of the company's list, by name; `look` is JSON."""
    return await tx.fetch(_LIST, company, user)


_PUT = """
INSERT INTO saved_views (company_id, user_id, view_id, name, look) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (company_id, user_id, view_id) DO UPDATE SET name = excluded.name, look = excluded.look
"""


async def put_view(tx: Tx, company: UUID, user: UUID, view: UUID, name: str, look: str) -> None:
    """A new view, or another in its place; `look` is JSON."""
    await tx.execute(_PUT, company, user, view, name, look)


_DROP = "DELETE FROM saved_views WHERE company_id = $1 AND user_id = $2 AND view_id = $3"


async def drop_view(tx: Tx, company: UUID, user: UUID, view: UUID) -> bool:
    """Whether there was one to delete."""
    return await tx.execute(_DROP, company, user, view) == "DELETE 1"
