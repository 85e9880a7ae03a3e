"""Leases: who may work on what, until when, by the database's clock. A late result without the current token is refused."""

LEASE_SECONDS = 45.0


class LeaseLostError(Exception):
    """The work was given to another worker meanwhile; nothing was recorded."""
