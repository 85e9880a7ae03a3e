"""Looks each minute at how every company does, and makes notices of what has changed. One copy of gateway looks."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.gateway.core.notices import (
    KINDS,
    Connected,
    Failed,
    HeldPlan,
    News,
    Pace,
    Picture,
    decide,
    look_at,
)
from services.gateway.settings import Settings
from services.gateway.store import companies, notice_settings, notices
from shared.clock import Clock
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.db.tx import Database
from shared.db.work import Wakeup
from shared.domain.reasons import connection_words
from shared.domain.settings import CompanySettings
from shared.http.internal import Internal
from shared.http.problems import ProblemError
from shared.messaging.upkeep import Upkeep
from shared.systems import SYSTEMS
from shared.telemetry.metrics import WORK

CHUNK = 500
_NOBODY = UUID(int=0)
"""Asks the internal APIs for what belongs to no one company."""


class Watcher:
    """Any number of copies may run; the one that moves the look on does it."""

    def __init__(
        self,
        database: Database,
        services: Mapping[str, Internal],
        vault: Vault,
        limits: Limits,
        upkeep: Upkeep,
        settings: Settings,
        clock: Clock,
        sending: Wakeup,
    ) -> None:
        """`services` are asked over HTTP, by name; `sending` is woken when there are notices."""
        self._database, self._services, self._vault, self._limits = database, services, vault, limits
        self._upkeep, self._settings, self._clock, self._sending = upkeep, settings, clock, sending
        chosen = settings.notices
        self._pace = Pace(
            timedelta(seconds=chosen.patience_seconds), timedelta(seconds=chosen.settle_seconds)
        )
        self._freshness = timedelta(minutes=chosen.freshness_minutes)

    async def step(self) -> bool:
        """Look, if it is time to; never at once again."""
        async with self._database.system() as tx:
            if not await notices.take_look(tx, self._settings.notices.look_seconds):
                return False
            watched = list(await notice_settings.watched_companies(tx, mail=bool(self._settings.mail.host)))
        dead = await self._dead_letters() if watched else None
        for start in range(0, len(watched), CHUNK):
            await self._look(watched[start : start + CHUNK], dead)
        WORK.labels(kind="notices.look", outcome="ok").inc()
        return False

    async def _look(self, watched: Sequence[UUID], dead: Counter[UUID] | None) -> None:
        async with self._database.transaction(watched) as tx:
            settings = {one.company_id: one for one in await companies.load_companies(tx, watched)}
        pictures = await self._pictures(settings, dead)
        now = self._clock.now()
        news: list[tuple[UUID, str, News]] = []
        async with self._database.system() as tx:
            await notices.lock_watch(tx)
            before = await notices.load_standing(tx, list(settings))
            outcomes = {
                company: decide(
                    before.get(company, ()), look_at(picture, now, self._freshness), now, self._pace
                )
                for company, picture in pictures.items()
            }
            await notices.save_standing(tx, outcomes)
            for company, outcome in outcomes.items():
                news += [(company, settings[company].name, one) for one in outcome.news]
            await notices.add_notices(tx, news, KINDS, mail=bool(self._settings.mail.host))
        if news:
            self._sending.notify()

    async def _pictures(
        self, settings: Mapping[UUID, CompanySettings], dead: Counter[UUID] | None
    ) -> dict[UUID, Picture]:
        accounts = {company: one.accounts for company, one in settings.items()}
        healths, used = await self._vault.healths(list(settings)), await self._limits.used(accounts)
        looks, held, summaries = await asyncio.gather(
            self._ask("importer", settings), self._ask("syncer", settings), self._ask("history", settings)
        )
        seen = {UUID(one["account_id"]): one for one in looks or ()}
        plans: dict[UUID, list[HeldPlan]] = defaultdict(list)
        for one in held or ():
            plans[UUID(one["company_id"])].append(
                HeldPlan(one["plan_id"], one["total"], tuple(one["tripped"]))
            )
        return {
            company: Picture(
                list(_connected(one, healths, used, seen)),
                plans[company] if held is not None else None,
                _failed(summaries[str(company)]) if summaries is not None else None,
                dead[company] if dead is not None else None,
                looks is not None,
            )
            for company, one in settings.items()
        }

    async def _ask(self, service: str, of: Iterable[UUID]) -> Any:
        """A service's summaries of these companies; None where it does not answer."""
        try:
            return await self._services[service].post(
                "/summaries", company=_NOBODY, json=list(map(str, of)), read=orjson.loads
            )
        except ProblemError:
            return None

    async def _dead_letters(self) -> Counter[UUID] | None:
        """How many each company has, of all services; None where one does not answer."""
        found: Counter[UUID] = Counter()
        for company, count in (await self._upkeep.counts()).items():
            if company is not None:
                found[company] += count
        for service in self._services.values():
            try:
                counts = await service.get("/dead-letter-counts", company=_NOBODY)
            except ProblemError:
                return None
            for name, count in counts.items():
                if name:
                    found[UUID(name)] += count
        return found


def _failed(summary: Mapping[str, Any]) -> Failed:
    return Failed(summary["counts"].get("failed", 0), tuple(summary["failed"]))


def _connected(
    settings: CompanySettings,
    healths: Mapping[UUID, tuple[str, Any]],
    used: Mapping[UUID, tuple[int, int]],
    seen: Mapping[UUID, Mapping[str, Any]],
) -> Iterable[Connected]:
    route = settings.route
    ends = {route.source, route.destination} if route is not None and route.active else set()
    for account in settings.accounts:
        place, label = account.account_id, SYSTEMS[account.system].label
        state, until = healths.get(place, ("connected", None))
        if not account.connected:
            state = "disconnected"
        words, look = connection_words(state, label), seen.get(place)
        calls, allowed = used[place]
        yield Connected(
            str(place),
            label,
            state,
            words.text,
            words.fix,
            until,
            place in ends,
            datetime.fromisoformat(look["complete_as_of"]) if look and look["complete_as_of"] else None,
            look["sweep_seconds"] if look else None,
            calls,
            allowed,
        )
