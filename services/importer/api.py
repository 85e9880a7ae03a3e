"""HTTP in: reads that only importer can answer."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query

from services.importer import core
from services.importer.settings import Settings
from services.importer.store import directories, snapshots
from shared.connectors.opening import Connectors
from shared.connectors.ports import Browsed, Connector
from shared.connectors.reading import parsed
from shared.contracts.directory_views import SourcePage, SourceRow
from shared.contracts.freshness import AccountFreshness, FreshnessView
from shared.db.companies import load_settings
from shared.db.tx import Database
from shared.domain.ids import record_id
from shared.domain.reasons import connection_words, reason_words
from shared.domain.settings import Account
from shared.errors import RateLimited, Rejected, Unauthorized, Unavailable
from shared.http.auth import internal_only
from shared.http.problems import ProblemError
from shared.systems import SYSTEMS

MAX_QUERY = 100
MAX_ROWS = 500
BROWSE_SECONDS = 20.0
"""A person waits for the source: less than gateway does for us."""


def make_routes(database: Database, settings: Settings, connectors: Connectors) -> APIRouter:
    """importer's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )

    @routes.get("/records/{record}/payload")
    async def payload(company: UUID, record: UUID) -> dict[str, Any]:
        """One record of either account: the raw JSON as it came, and the canonical values that were understood."""
        async with database.transaction([company]) as tx:
            row = await snapshots.payload(tx, company, record)
        if row is None:
            raise ProblemError("not-found", "There is no such record here.")
        return {
            "record_id": str(record),
            "account_id": str(row["account_id"]),
            "remote_id": row["remote_id"],
            "state": row["state"],
            "rev": row["rev"],
            "remote_version": row["remote_version"],
            "read_at": row["answered_at"].isoformat(),
            "employee": orjson.loads(row["employee"]),
            "payload": orjson.loads(row["payload"]) if row["payload"] else None,
        }

    @routes.get("/freshness")
    async def freshness(company: UUID) -> FreshnessView:
        """How far each followed account is known."""
        async with database.transaction([company]) as tx:
            rows = await directories.freshness(tx, company)
        accounts = [
            AccountFreshness(
                account_id=row["account_id"],
                looked_at=row["complete_as_of"],
                every_seconds=row["sweep_seconds"],
                hinted_at=row["hinted_at"],
                silent=core.is_silent(row["hinted_at"], row["found_at"]),
                found_by_sweep=row["found"],
                found_at=row["found_at"],
                seen=row["seen"],
            )
            for row in rows
        ]
        looked = [one.looked_at for one in accounts if one.looked_at]
        return FreshnessView(
            within_seconds=max((one.every_seconds for one in accounts if one.every_seconds), default=None),
            looked_at=min(looked) if looked and len(looked) == len(accounts) else None,
            accounts=accounts,
        )

    @routes.post("/summaries")
    async def summaries(companies: list[UUID]) -> list[dict[str, Any]]:
        """Until when each followed account of these companies is known, and how often it is looked at."""
        async with database.transaction(companies) as tx:
            return [dict(row.items()) for row in await directories.last_looks(tx, companies)]

    @routes.get("/source-directory")
    async def source_directory(
        company: UUID,
        q: Annotated[str, Query(max_length=MAX_QUERY)] = "",
        after: Annotated[str | None, Query(max_length=2000)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 100,
    ) -> SourcePage:
        """People of the source as it holds them at this moment, each marked with what an import would do to staging."""
        async with database.transaction([company]) as tx:
            known = (await load_settings(tx, [company])).get(company)
        account = known.source() if known else None
        if account is None:
            raise ProblemError("conflict", "This company has no active route.")
        connector = await connectors.get(account, company)
        found = await _browse(connector, account, " ".join(q.split()), after, limit)
        return await _page(database, company, account, connector, found)

    return routes


async def _browse(
    connector: Connector, account: Account, text: str, after: str | None, limit: int
) -> Browsed:
    """What the source answers. Raises the problem that a person can do something about."""
    label = SYSTEMS[account.system].label
    try:
        async with asyncio.timeout(BROWSE_SECONDS):
            return await connector.browse(text, after, limit)
    except ValueError:
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.") from None
    except Unauthorized as error:
        words = connection_words(error.state, label)
        raise ProblemError("conflict", f"{words.text} {words.fix}") from None
    except RateLimited as error:
        detail = f"{label} asks to wait {max(1, round(error.retry_after))} seconds."
        raise ProblemError("unavailable", detail) from None
    except (Unavailable, TimeoutError):
        raise ProblemError("unavailable", f"{label} does not answer. Try again.") from None
    except Rejected:
        raise ProblemError("invalid", f"{label} does not take this search. Try other words.") from None


async def _page(
    database: Database, company: UUID, account: Account, connector: Connector, found: Browsed
) -> SourcePage:
    fresh = [
        core.fresh_of(
            record_id(account.account_id, raw.remote_id),
            account.account_id,
            parsed(connector, raw),
            found.requested_at,
            found.answered_at,
            raw.raw_hash,
        )
        for raw in found.records
    ]
    async with database.transaction([company]) as tx:
        staged = await snapshots.load_snapshots(tx, [one.record_id for one in fresh])
    rows = [core.shown(staged.get(one.record_id), one) for one in fresh]
    return SourcePage(
        items=_worded(rows, SYSTEMS[account.system].label),
        next=found.cursor,
        total=found.total,
        read_at=found.answered_at,
    )


def _worded(rows: Sequence[SourceRow], label: str) -> tuple[SourceRow, ...]:
    """Why a record cannot be read, in words."""
    return tuple(
        row.model_copy(update={"reason_text": reason_words(row.reason, row.field, label, label)[0]})
        if row.reason
        else row
        for row in rows
    )
