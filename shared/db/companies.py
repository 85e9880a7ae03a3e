"""Each service's copy of the companies' settings, kept from `settings.v1`."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from shared.contracts.events import Message, SettingsChanged
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings

_SAVE = """
INSERT INTO company_settings (company_id, version, document)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::json[])
ON CONFLICT (company_id) DO UPDATE SET version = excluded.version, document = excluded.document
WHERE company_settings.version < excluded.version
RETURNING company_id
"""
_LOAD = "SELECT document FROM company_settings WHERE company_id = ANY ($1::uuid[])"


async def save_settings(tx: Tx, events: Sequence[Message[SettingsChanged]]) -> set[UUID]:
    """Keep the newest document of each company; the companies whose settings moved."""
    newest: dict[UUID, CompanySettings] = {}
    for event in events:
        settings = event.body.settings
        known = newest.get(settings.company_id)
        if known is None or known.version < settings.version:
            newest[settings.company_id] = settings
    rows = await tx.fetch(
        _SAVE,
        list(newest),
        [s.version for s in newest.values()],
        [s.model_dump_json() for s in newest.values()],
    )
    return {row["company_id"] for row in rows}


async def load_settings(tx: Tx, companies: Iterable[UUID]) -> dict[UUID, CompanySettings]:
    """The settings of these companies, by id; a company that is not known yet is left out."""
    rows = await tx.fetch(_LOAD, list(set(companies)))
    documents = (CompanySettings.model_validate_json(row["document"]) for row in rows)
    return {document.company_id: document for document in documents}
