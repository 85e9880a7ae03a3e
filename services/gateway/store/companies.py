"""Companies and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from shared.db.tx import Record, Tx
from shared.domain.settings import Account, CompanySettings, Route

_ADD_COMPANY = "INSERT INTO companies (company_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ADD_MEMBER = "INSERT INTO memberships (company_id, user_id, role) VALUES ($1, $2, 'admin')"


async def add_company(tx: Tx, company: UUID, name: str, owner: UUID) -> bool:
    """A new company, whose first administrator is `owner`; False when there is one with this id."""
    if await tx.execute(_ADD_COMPANY, company, name) != "INSERT 0 1":
        return False
    await tx.execute(_ADD_MEMBER, company, owner)
    return True


_COMPANIES = """
SELECT company_id, version, written_version, name, accounts, route FROM companies
WHERE company_id = ANY ($1::uuid[]) ORDER BY name
"""


async def load_companies(tx: Tx, companies: Sequence[UUID]) -> list[CompanySettings]:
    """The settings of these companies."""
    return [_settings(row) for row in await tx.fetch(_COMPANIES, companies)]


_LOCK_COMPANY = """
SELECT company_id, version, written_version, name, accounts, route FROM companies WHERE company_id = $1 FOR UPDATE
"""


async def lock_company(tx: Tx, company: UUID) -> CompanySettings:
    """The company's settings, to be changed in this transaction."""
    row = await tx.fetchrow(_LOCK_COMPANY, company)
    assert row is not None
    return _settings(row)


def _settings(row: Record) -> CompanySettings:
    return CompanySettings(
        company_id=row["company_id"],
        version=row["version"],
        written_version=row["written_version"],
        name=row["name"],
        accounts=tuple(Account.model_validate(a) for a in orjson.loads(row["accounts"])),
        route=Route.model_validate_json(row["route"]) if row["route"] else None,
    )


_SAVE_COMPANY = """
UPDATE companies SET version = $2, name = $3, accounts = $4, route = $5, written_version = $6 WHERE company_id = $1
"""


async def save_company(tx: Tx, settings: CompanySettings) -> None:
    """Keep changed settings."""
    await tx.execute(
        _SAVE_COMPANY,
        settings.company_id,
        settings.version,
        settings.name,
        orjson.dumps([a.model_dump(mode="json") for a in settings.accounts]).decode(),
        settings.route.model_dump_json() if settings.route else None,
        settings.written_version,
    )
