"""How the ids of accounts and records are made."""

from uuid import UUID, uuid5

MUSTER_NAMESPACE = UUID("6a1d9f4e-5d3c-5b7a-9a52-6d7573746572")


def account_id(company_id: UUID, system: str, environment: str, tenant_id: str) -> UUID:
    """A company's directory in one system. Connecting the same tenant again gives the same account."""
    return uuid5(MUSTER_NAMESPACE, f"{company_id}/{system}/{environment}/{tenant_id}")


def record_id(account: UUID, remote_id: str) -> UUID:
    """One person's record in one account, for ever."""
    return uuid5(account, remote_id)
