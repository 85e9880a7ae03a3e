"""Versions of companies' settings: every one that was published, when, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.db.tx import Tx
from shared.domain.settings import CompanySettings

_ADD = "INSERT INTO settings_versions (company_id, version, actor, document) VALUES ($1, $2, $3, $4)"


async def add_version(tx: Tx, settings: CompanySettings, actor: str) -> None:
    """Keep a version that is published."""
    await tx.execute(_ADD, settings.company_id, settings.version, actor, settings.model_dump_json())


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a company's settings."""

    settings: CompanySettings
    at: datetime
    actor: str


_VERSIONS = """
SELECT document, at, actor FROM settings_versions
WHERE company_id = $1 AND ($2::int IS NULL OR version < $2) ORDER BY version DESC LIMIT $3
"""


async def versions(tx: Tx, company: UUID, before: int | None, limit: int) -> list[Version]:
    """Versions before this number, newest first."""
    rows = await tx.fetch(_VERSIONS, company, before, limit)
    return [Version(CompanySettings.model_validate_json(r["document"]), r["at"], r["actor"]) for r in rows]


_ONE = "SELECT document FROM settings_versions WHERE company_id = $1 AND version = $2"


async def version(tx: Tx, company: UUID, number: int) -> CompanySettings | None:
    """One version, whole."""
    document = await tx.fetchval(_ONE, company, number)
    return CompanySettings.model_validate_json(document) if document else None
