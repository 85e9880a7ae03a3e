"""HTTP in: reads that only syncer can answer."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query

from services.syncer.api.drift import drift_view
from services.syncer.api.exchange import exchange_of
from services.syncer.api.trials import try_out
from services.syncer.settings import Settings
from services.syncer.store import plan_reads, plans
from services.syncer.store.plan_reads import RecordFilter
from services.syncer.store.plans import Plan
from shared.contracts.drift import DriftView
from shared.contracts.plans import PlanPage, PlanRecordPage, PlanRecordView, PlanView
from shared.contracts.rule_views import Trial, TrialRequest
from shared.contracts.views import RecordExchange
from shared.db.companies import load_settings
from shared.db.tx import Database, Record, Tx
from shared.domain.employee import Employee
from shared.domain.plans import Brake, PlanAction, PlanState, predicted
from shared.domain.reasons import SKIPPED
from shared.domain.search import pattern
from shared.domain.settings import CompanySettings
from shared.http.auth import internal_only
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS, mapping_of
from shared.systems.words import Names, names, reason_words

Limit = Annotated[int, Query(ge=1, le=500)]
_BRAKES = {
    Brake.FIRST_SYNC: "This is the company's first sync.",
    Brake.CHANGED: "{count} linked people would get another name, number or pay; the limit is {limit:g}.",
    Brake.CHANGED_SHARE: "{count} linked people would get another name, number or pay: over {limit:g}% of all who are linked.",
    Brake.DEACTIVATED: "{count} people would be deactivated; the limit is {limit:g}.",
    Brake.PAY_FACTOR: "The pay of {count} people would change by a factor of more than {limit:g}.",
}


_MARKS = frozenset(brake.value for brake in Brake)


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """syncer's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )

    @routes.get("/records/{record}/exchange")
    async def exchange(company: UUID, record: UUID) -> RecordExchange:
        """What would be sent for the record now, what was sent last, and what was answered."""
        return await exchange_of(database, company, record)

    @routes.get("/records/{record}/drift")
    async def drift(company: UUID, record: UUID) -> DriftView:
        """What somebody changed at the destination, and waits for a decision."""
        return await drift_view(database, company, record)

    _plans(routes, database)

    @routes.post("/trials")
    async def trials(company: UUID, asked: TrialRequest) -> Trial:
        """What other settings would do to the company's records. Nothing is written."""
        return await try_out(database, company, asked)

    return routes


def _plans(routes: APIRouter, database: Database) -> None:
    @routes.post("/summaries")
    async def summaries(companies: list[UUID]) -> list[dict[str, Any]]:
        """The plans of these companies that wait for their release, with what holds each."""
        async with database.transaction(companies) as tx:
            rows = await plans.held_plans(tx, companies)
        return [
            {**row, "tripped": [_tripped(one)["text"] for one in orjson.loads(row["tripped"])]}
            for row in rows
        ]

    @routes.get("/plans")
    async def newest(
        company: UUID,
        state: Annotated[list[PlanState], Query(default_factory=list)],
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 50,
    ) -> PlanPage:
        """Plans, newest first."""
        async with database.reading(company) as tx:
            cursor = _plan_cursor(after)
            found = await plans.newest_plans(tx, company, state, cursor, limit + 1)
            settings = (await load_settings(tx, [company])).get(company)
            items = tuple([await _view(tx, company, plan, settings) for plan in found[:limit]])
        last = found[limit - 1] if len(found) > limit else None
        return PlanPage(items=items, next=f"{last.created_at.isoformat()}_{last.plan_id}" if last else None)

    @routes.get("/plans/{plan}")
    async def one(company: UUID, plan: UUID) -> PlanView:
        """One plan with its counts."""
        async with database.reading(company) as tx:
            found = await _found(tx, company, plan)
            settings = (await load_settings(tx, [company])).get(company)
            return await _view(tx, company, found, settings)

    @routes.get("/plans/{plan}/records")
    async def records(
        company: UUID,
        plan: UUID,
        action: PlanAction | None = None,
        reason: Annotated[str | None, Query(max_length=100)] = None,
        field: Annotated[str | None, Query(max_length=100)] = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        outcome: Annotated[str | None, Query(max_length=100)] = None,
        brake: Brake | None = None,
        record: UUID | None = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 100,
    ) -> PlanRecordPage:
        """A page of a plan's records, blocked ones first."""
        mark = brake.value if brake else None
        wanted = RecordFilter(action, reason, field, pattern(q), outcome, mark, record)
        async with database.reading(company) as tx:
            found = await _found(tx, company, plan)
            settings = (await load_settings(tx, [company])).get(company)
            rows = await plan_reads.plan_records(tx, company, found, wanted, _cursor(after), limit + 1)
        called, mapping = names(settings), mapping_of(settings) if settings else None
        carried = len(mapping.entries) if mapping else 0
        last = rows[limit - 1] if len(rows) > limit else None
        return PlanRecordPage(
            items=tuple(_record(row, called, carried) for row in rows[:limit]),
            next=f"{last['place']}_{last['push_id']}" if last else None,
        )


async def _found(tx: Tx, company: UUID, plan: UUID) -> Plan:
    found = await plans.find_plan(tx, company, plan)
    if found is None:
        raise ProblemError("not-found", "There is no such plan here.")
    return found


def _plan_cursor(word: str | None) -> tuple[datetime, UUID] | None:
    try:
        time, _, plan = (word or "").rpartition("_")
        return (datetime.fromisoformat(time), UUID(plan)) if word else None
    except ValueError:
        raise ProblemError("invalid", "`after` is what `next` of the page before says.") from None


def _cursor(word: str | None) -> tuple[int, UUID] | None:
    try:
        place, _, record = (word or "").partition("_")
        return (int(place), UUID(record)) if word else None
    except ValueError:
        raise ProblemError("invalid", "`after` is what `next` of the page before says.") from None


async def _view(tx: Tx, company: UUID, plan: Plan, settings: CompanySettings | None) -> PlanView:
    rows = await plans.counts(tx, company, plan)
    writing = {r["action"]: 0 for r in rows}
    for row in rows:
        if not row["excluded"] and (row["reason"] == "" or row["waits"]):
            writing[row["action"]] += row["count"]
    account = settings.account(plan.account_id) if settings else None
    prediction = predicted(SYSTEMS[account.system], writing) if account else (0, 0.0)
    values = plan._asdict() | {"tripped": [_tripped(one.model_dump(mode="json")) for one in plan.tripped]}
    return PlanView.model_validate(
        values
        | {
            "counts": _counts(rows),
            "blocked": _blocked(rows, names(settings)),
            "to_write": sum(n for action, n in writing.items() if action not in ("blocked", "no_change")),
            "outcomes": _outcomes(rows),
            "calls": prediction[0],
            "seconds": prediction[1],
        }
    )


def _tripped(held: dict[str, Any]) -> dict[str, Any]:
    text = _BRAKES[Brake(held["brake"])].format(count=held["count"], limit=held["limit"] or 0)
    return {**held, "text": text}


def _counts(rows: Sequence[Record]) -> list[dict[str, Any]]:
    every: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for row in rows:
        every[row["action"]] += row["count"]
        out[row["action"]] += row["count"] if row["excluded"] else 0
    order = [action.value for action in PlanAction if every[action.value]]
    return [{"action": one, "records": every[one], "taken_out": out[one]} for one in order]


def _blocked(rows: Sequence[Record], called: Names) -> list[dict[str, Any]]:
    found: Counter[str] = Counter()
    fields = {}
    for row in rows:
        if row["action"] == PlanAction.BLOCKED:
            found[row["reason"]] += row["count"]
            fields[row["reason"]] = row["field"]
    return [
        {"reason": reason, "records": count, "text": text, "fix": fix}
        for reason, count in found.most_common()
        for text, fix in (_words(reason, fields[reason], called),)
    ]


def _words(reason: str, field: str | None, called: Names) -> tuple[str, str]:
    if not reason:
        return "", ""
    return (SKIPPED[reason], "") if reason in SKIPPED else reason_words(reason, field, called)


def _outcomes(rows: Sequence[Record]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        if row["outcome"] is not None:
            found[row["outcome"]] += row["count"]
    return dict(found)


def _record(row: Record, called: Names, carried: int) -> PlanRecordView:
    employee = Employee.model_validate_json(row["employee"]) if row["employee"] else Employee()
    fields = orjson.loads(row["fields"])
    text, fix = _words(row["reason"], row["field"], called)
    moved = orjson.loads(row["moved"]) if row["moved"] else None
    return PlanRecordView.model_validate(
        {
            "record_id": row["record_id"],
            "remote_id": row["remote_id"] or "",
            "number": employee.number,
            "name": employee.full_name(),
            "action": row["action"] or PlanAction.BLOCKED,
            "reason": row["reason"],
            "reason_text": text,
            "fix": fix,
            "field": row["field"],
            "fields": fields,
            "unchanged": max(0, carried - len(fields)) if row["there"] else 0,
            "marks": [mark for mark in row["marks"] if mark in _MARKS],
            "excluded": row["excluded"],
            "outcome": row["outcome"],
            "outcome_reason": row["outcome_reason"],
            "moved": moved,
            "source_read_at": row["source_read_at"],
            "destination_read_at": row["destination_read_at"],
        }
    )
