"""Notices: what one is told by e-mail and when, the company's channels, a test, and how messages arrived."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import Field, StrictBool, field_validator, model_validator

from services.gateway.api.callers import admin, member, viewer
from services.gateway.api.common import Access, Deps, Input, check_url, record
from services.gateway.core.notice_words import TITLES, WHEN, worded
from services.gateway.core.notices import KINDS, Habits, Kind, Notice
from services.gateway.store import companies, notice_settings, notices
from services.gateway.store.notice_settings import Address, NewChannel
from shared.contracts.notices import (
    ChannelList,
    ChannelView,
    MyNotices,
    NewChannelView,
    NoticeKind,
    NoticeMessageList,
    NoticeMessageView,
    NoticesView,
)
from shared.db.seal import Sealer
from shared.db.tx import Tx
from shared.domain.visibility import Role
from shared.http.problems import ProblemError
from shared.standard_webhooks import new_secret

MOST = 20
TESTS = 5
"""Tests that a receiver is sent within a minute."""
_GONE = "There is no such channel here."
Kinds = Annotated[tuple[Kind, ...], Field(max_length=len(KINDS))]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM")]
Limit = Annotated[int, Query(ge=1, le=100)]


class MyChoice(Input):
    """What to be told of, and when not. From and until are given together, or neither; they may span midnight."""

    kinds: Kinds
    quiet_from: Clock | None = None
    quiet_until: Clock | None = None
    time_zone: str = Field(max_length=64, description="A name of the IANA database, such as `Europe/Berlin`.")
    digest_minutes: int = Field(default=0, ge=0, le=24 * 60)

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("choose a time zone of the IANA database, such as America/Los_Angeles")
        return name

    @model_validator(mode="after")
    def _both_or_none(self) -> MyChoice:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("give both `quiet_from` and `quiet_until`, or neither")
        return self


class ChannelInput(Input):
    """Where to post a company's notices, in which shape, and which of them."""

    shape: Literal["webhook", "slack", "teams"]
    name: str = Field(min_length=1, max_length=100)
    url: str = Field(min_length=8, max_length=2000, examples=["https://hooks.slack.com/services/T0/B0/x"])
    kinds: Kinds = KINDS


class ChannelChange(Input):
    """What to change; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    kinds: Kinds | None = None
    active: StrictBool | None = None


def make(deps: Deps) -> APIRouter:
    """Notices of one company."""
    routes = APIRouter(prefix="/v1/companies/{company}/notices", tags=["notices"])
    _mine(routes, deps)
    _channels(routes, deps)
    return routes


def _mine(routes: APIRouter, deps: Deps) -> None:
    @routes.get("", response_model=NoticesView)
    async def notice_settings_of_company(access: Access = viewer(deps)) -> NoticesView:
        """The kinds of notices, and what one receives of this company by e-mail; unless chosen, an administrator all."""
        kinds = tuple(NoticeKind(kind=kind, title=TITLES[kind], when=WHEN[kind]) for kind in KINDS)
        mine = await _chosen(deps, access) if access.person.user_id else None
        return NoticesView(
            kinds=kinds, mine=mine, email=access.person.email, mail=bool(deps.settings.mail.host)
        )

    @routes.put("/mine", response_model=MyNotices)
    async def put_my_notices(body: MyChoice, access: Access = member(deps)) -> MyNotices:
        """Choose what to be told of in this company; the hours and the digest hold for all of one's companies."""
        user = _person(access)
        habits = Habits(_time(body.quiet_from), _time(body.quiet_until), body.time_zone, body.digest_minutes)
        async with deps.database.system() as tx:
            await notice_settings.save_mine(tx, access.company, user, sorted(set(body.kinds)), habits)
        return await _chosen(deps, access)

    @routes.post("/mine/test", status_code=202)
    async def test_my_notices(access: Access = member(deps)) -> None:
        """Send a test to one's own address, at once. How it went stands in one's messages."""
        user = _person(access)
        if not deps.settings.mail.host:
            raise ProblemError(
                "conflict",
                "E-mail is not set up on this installation. Ask an installation administrator to set MUSTER_MAIL__HOST.",
            )
        await _test(deps, access, user)

    @routes.get("/mine/messages", response_model=NoticeMessageList)
    async def my_notice_messages(limit: Limit = 20, access: Access = member(deps)) -> NoticeMessageList:
        """The last mails to oneself about this company, and how they went."""
        return await _messages(deps, access, _person(access), limit)


def _channels(routes: APIRouter, deps: Deps) -> None:
    @routes.get("/channels", response_model=ChannelList)
    async def channels(access: Access = admin(deps)) -> dict[str, Any]:
        """Where the company's notices are posted to."""
        async with deps.database.transaction([access.company]) as tx:
            rows = await notice_settings.list_channels(tx, access.company)
        return {"items": [dict(row.items()) for row in rows]}

    @routes.post("/channels", status_code=201, response_model=NewChannelView)
    async def create_channel(
        body: ChannelInput, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Post the company's notices to an address from now on. A webhook is signed; its secret is shown this once."""
        check_url(deps, body.url)
        secret = new_secret() if body.shape == "webhook" else ""
        channel, address = deps.clock.new_id(), Address(body.url, secret)
        host = urlsplit(body.url).netloc
        new = NewChannel(
            channel, body.shape, body.name, host, sorted(set(body.kinds)), address, access.person.actor
        )
        async with deps.database.transaction([access.company]) as tx:
            if len(await notice_settings.list_channels(tx, access.company)) >= MOST:
                raise ProblemError("conflict", f"A company has at most {MOST} channels. Remove one first.")
            await notice_settings.add_channel(tx, Sealer(deps.settings.vault.listed()), access.company, new)
            await record(tx, access, request, "channel.created", f"channel:{channel}", body.shape)
            return {**await _one(tx, access, channel), "secret": secret}

    @routes.patch("/channels/{channel}", response_model=ChannelView)
    async def change_channel(
        channel: UUID, body: ChannelChange, request: Request, access: Access = admin(deps)
    ) -> dict[str, Any]:
        """Rename it, choose its kinds, or switch it off and on. What happens while it is off is not posted later."""
        async with deps.database.transaction([access.company]) as tx:
            await _one(tx, access, channel)
            await notice_settings.change_channel(
                tx, access.company, channel, body.name, body.kinds, active=body.active
            )
            await record(tx, access, request, "channel.changed", f"channel:{channel}")
            return await _one(tx, access, channel)

    @routes.delete("/channels/{channel}", status_code=204)
    async def delete_channel(channel: UUID, request: Request, access: Access = admin(deps)) -> None:
        """Post nothing there any more."""
        async with deps.database.transaction([access.company]) as tx:
            if not await notice_settings.drop_channel(tx, access.company, channel):
                raise ProblemError("not-found", _GONE)
            await record(tx, access, request, "channel.deleted", f"channel:{channel}")

    @routes.post("/channels/{channel}/test", status_code=202)
    async def test_channel(channel: UUID, access: Access = admin(deps)) -> None:
        """Post a test, at once. How it went stands in the channel's messages."""
        async with deps.database.transaction([access.company]) as tx:
            await _one(tx, access, channel)
        await _test(deps, access, channel)

    @routes.get("/channels/{channel}/messages", response_model=NoticeMessageList)
    async def channel_messages(
        channel: UUID, limit: Limit = 20, access: Access = admin(deps)
    ) -> NoticeMessageList:
        """The last messages to a channel, and how they went."""
        async with deps.database.transaction([access.company]) as tx:
            await _one(tx, access, channel)
        return await _messages(deps, access, channel, limit)


async def _chosen(deps: Deps, access: Access) -> MyNotices:
    async with deps.database.system() as tx:
        kinds, habits = await notice_settings.load_mine(tx, access.company, _person(access))
    usual = KINDS if access.role is Role.ADMIN else ()
    when = habits or Habits(time_zone=access.person.time_zone or "UTC")
    return MyNotices(
        kinds=tuple(kinds if kinds is not None else usual),
        quiet_from=_clock(when.quiet_from),
        quiet_until=_clock(when.quiet_until),
        time_zone=when.time_zone,
        digest_minutes=when.digest_minutes,
        chosen=kinds is not None,
    )


def _time(clock: str | None) -> time | None:
    return time.fromisoformat(clock) if clock else None


def _clock(at: time | None) -> str | None:
    return at.strftime("%H:%M") if at is not None else None


def _person(access: Access) -> UUID:
    assert access.person.user_id is not None
    return access.person.user_id


async def _one(tx: Tx, access: Access, channel: UUID) -> dict[str, Any]:
    rows = await notice_settings.list_channels(tx, access.company, channel)
    if not rows:
        raise ProblemError("not-found", _GONE)
    return dict(rows[0].items())


async def _test(deps: Deps, access: Access, receiver: UUID) -> None:
    async with deps.database.transaction([access.company]) as tx:
        (settings,) = await companies.load_companies(tx, [access.company])
    async with deps.database.system() as tx:
        if await notices.recent_tests(tx, receiver) >= TESTS:
            raise ProblemError("too-many", "These are many tests. Wait a minute.", retry_after=60)
        await notices.add_test(tx, deps.clock.new_id(), receiver, access.company, settings.name)
    deps.on_notice()


async def _messages(deps: Deps, access: Access, receiver: UUID, limit: int) -> NoticeMessageList:
    async with deps.database.system() as tx:
        rows = await notices.list_messages(tx, receiver, access.company, limit)
    shown = (
        NoticeMessageView(**dict(row.items()) | {"titles": tuple(_titles(access.company, row["notices"]))})
        for row in rows
    )
    return NoticeMessageList(items=tuple(shown))


def _titles(company: UUID, of: str) -> Iterable[str]:
    for one in orjson.loads(of):
        moments = {name: datetime.fromisoformat(one[name]) for name in ("since", "at")}
        yield worded(Notice(company_id=company, company="", **one | moments), "").title
