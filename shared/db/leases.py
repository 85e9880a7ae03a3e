"""Leases: who may work on what, until when, by the database's clock. A late result without the current token is refused."""

from dataclasses import dataclass
from uuid import UUID

LEASE_SECONDS = 45.0


class LeaseLostError(Exception):
    """The work was given to another worker meanwhile; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to record the outcome of one piece of work. Tokens of one item rise strictly."""

    item_id: UUID
    token: int
