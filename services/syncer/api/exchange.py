"""What would be sent for one record, what was sent last, and what was answered."""

from typing import Any
from uuid import UUID

import orjson

from services.syncer.core import RecordState, plan
from services.syncer.store import calls, record_states
from shared.contracts.views import LastAnswer, LastRequest, Mapped, RecordExchange
from shared.db.companies import load_settings
from shared.db.tx import Database, Record
from shared.domain.mapping import desired
from shared.domain.settings import CompanySettings
from shared.systems import SYSTEMS


async def exchange_of(database: Database, company: UUID, record: UUID) -> RecordExchange:
    """Empty where nothing is known of the record, or nothing was sent for it."""
    async with database.reading(company) as tx:
        settings = await load_settings(tx, [company])
        states = await record_states.load_states(tx, [record], settings)
        sent = await calls.last_call(tx, company, record)
    request, answer = _exchanged(sent, settings.get(company)) if sent else (None, None)
    state = states.get(record)
    return RecordExchange(mapped=_mapped(state) if state else None, request=request, answer=answer)


def _mapped(state: RecordState) -> Mapped | None:
    mapping = state.mapping()
    if mapping is None or state.source is None:
        return None
    made = plan(state)
    return Mapped.model_validate(
        {
            "employee": desired(state.source.employee, mapping).model_dump(mode="json", exclude_unset=True),
            "action": made.action if made else None,
            "changes": made.fields if made else {},
        }
    )


def _exchanged(row: Record, settings: CompanySettings | None) -> tuple[LastRequest, LastAnswer | None]:
    body: Any = orjson.loads(row["body"]) if row["body"] else None
    account = settings.account(row["account_id"]) if settings else None
    items = SYSTEMS[account.system].batch_items if account else ""
    if row["members"] > 1 and isinstance(body, dict) and items in body:
        body = body[items][row["place"] - 1]
    request = LastRequest.model_validate({**row, "body": body})
    return request, LastAnswer.model_validate_json(row["answer"]) if row["answer"] else None
