"""Runs, and the numbers of the Operations page."""

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from services.history.api.common import (
    Limit,
    called_in,
    cursor_of,
    worded,
)
from services.history.core.operations import SPANS, points, within
from services.history.core.run_rows import Run
from services.history.core.show import Cursor
from services.history.store import operations, runs
from services.history.store.runs import RunFilter
from shared.contracts.operations import OldestWaiting, ReasonCount, ResultsView, Span
from shared.contracts.run_views import RunDetail, RunReason, RunRecordPage, RunRecordView
from shared.contracts.views import RunPage, RunView
from shared.db.companies import load_settings
from shared.db.tx import Database
from shared.http.problems import ProblemError
from shared.systems.words import names, reason_words

MAX_REASONS = 3
"""Of failures, in the summary of a company."""


def add(routes: APIRouter, database: Database) -> None:
    """The routes of runs and results."""
    _runs(routes, database)
    _operations(routes, database)


def _runs(routes: APIRouter, database: Database) -> None:
    @routes.get("/runs")
    async def list_runs(
        company: UUID,
        kind: str | None = None,
        state: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        result: str | None = None,
        after: str | None = None,
        limit: Limit = 50,
    ) -> RunPage:
        """Imports and pushes, newest first; an empty `actor` is Muster itself."""
        cursor = cursor_of(after, "runs")
        wanted = RunFilter(kind, state, actor, since, problems=result == "problems")
        async with database.reading(company) as tx:
            found = await runs.runs(tx, company, wanted, cursor, limit)
        end = found[limit - 1] if len(found) > limit else None
        following = Cursor("runs", "", end.started_at, end.run_id).encode() if end else None
        return RunPage(items=tuple(_run(run) for run in found[:limit]), next=following)

    @routes.get("/runs/{run}")
    async def run_by_id(company: UUID, run: UUID) -> RunDetail:
        """One import or push, and why records of it did not go through."""
        async with database.reading(company) as tx:
            found = await runs.run(tx, company, run)
            reasons = await runs.reasons(tx, company, run)
            called = await called_in(tx, company)
        if found is None:
            raise ProblemError("not-found", "There is no such run here.")
        text, fix = reason_words(found.reason, None, called) if found.reason else ("", "")
        return RunDetail(
            **_run(found).model_dump(),
            reason_text=text,
            fix=fix,
            reasons=tuple(RunReason.model_validate(worded(row, called)) for row in reasons),
        )

    @routes.get("/runs/{run}/records")
    async def run_records(
        company: UUID,
        run: UUID,
        outcome: str | None = None,
        reason: str | None = None,
        after: str | None = None,
        limit: Limit = 100,
    ) -> RunRecordPage:
        """The records that the run pushed, or could not read; those that did not go through first."""
        cursor = cursor_of(after, "run records")
        async with database.reading(company) as tx:
            found = await runs.records(tx, company, run, outcome, reason, cursor, limit)
            called = await called_in(tx, company)
        end = found[limit - 1] if len(found) > limit else None
        following = (
            Cursor("run records", end["sort_text"], end["at"], end["record_id"]).encode() if end else None
        )
        items = tuple(RunRecordView.model_validate(worded(row, called)) for row in found[:limit])
        return RunRecordPage(items=items, next=following)


def _operations(routes: APIRouter, database: Database) -> None:
    @routes.get("/operations")
    async def results(company: UUID, span: Span = "1h") -> ResultsView:
        """Records by status, and what became of pushes within the `span`."""
        minutes, step = SPANS[span]
        async with database.reading(company) as tx:
            begin = await operations.begin(tx, minutes, step)
            rows = await operations.results(tx, company, begin, step)
            reasons = await operations.reasons(tx, company)
            oldest = await operations.oldest(tx, company)
            counts = await operations.counts(tx, [company])
            called = await called_in(tx, company)
        paces = Counter[int]()
        for row in rows:
            paces[row.pace] += row.pushes
        items = [worded(dict(row.items()) | {"field": None}, called) for row in reasons]
        return ResultsView(
            counts=counts[company],
            oldest=OldestWaiting.model_validate(dict(oldest.items())) if oldest else None,
            step_seconds=60 * step,
            points=points(rows, begin, minutes, step),
            median=within(paces, 0.5),
            p95=within(paces, 0.95),
            reasons=tuple(
                ReasonCount.model_validate({**row, "text": row.pop("reason_text")}) for row in items
            ),
        )

    @routes.post("/summaries")
    async def summaries(companies: list[UUID]) -> dict[UUID, dict[str, Any]]:
        """Of each of these companies: its records by status, the runs under way, and why pushes of the last day failed."""
        async with database.transaction(companies) as tx:
            counts = await operations.counts(tx, companies)
            running = await operations.running(tx, companies)
            failures = await operations.failures(tx, companies)
            settings = await load_settings(tx, {row["company_id"] for row in failures})
        failed: dict[UUID, list[str]] = {company: [] for company in companies}
        for row in failures:
            if len(failed[row["company_id"]]) < MAX_REASONS:
                called = names(settings.get(row["company_id"]))
                failed[row["company_id"]].append(reason_words(row["reason"], None, called)[0])
        return {
            c: {"counts": counts[c], "running": running.get(c, 0), "failed": failed[c]} for c in companies
        }


def _run(run: Run) -> RunView:
    return RunView.model_validate({name: getattr(run, name) for name in RunView.model_fields})
