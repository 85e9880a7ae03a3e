"""A client of Muster's public API, for programs: typed, for asyncio and without.

Reads are repeated while Muster is away for a moment; writes carry an idempotency key, so they are repeated as safely.
"""

from muster.client.asynchronous import AsyncClient, AsyncCompany
from muster.client.calls import ApiError
from muster.client.synchronous import Client, Company

__all__ = ["ApiError", "AsyncClient", "AsyncCompany", "Client", "Company"]
