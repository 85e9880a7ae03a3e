"""When people are told: what stands wrong in a company, when that changes, and when a message about it may go. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

Kind = Literal["plan_held", "connection", "sync_failed", "freshness", "budget", "dead_letters"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Change = Literal["began", "worse", "ended", "test"]
STORM, STORM_WITHIN = 3, timedelta(minutes=10)
"""After so many messages within that time, what follows is gathered into one."""
_BUDGET_LEVELS = (0.8, 0.95, 1.0)
"""Shares of a month's calls; to pass each is news."""
_RECONNECT_AHEAD = timedelta(days=7)
_ASLEEP = frozenset({"paused", "disconnected"})
"""States of a connection that an administrator chose."""


class Condition(NamedTuple):
    """Something that is wrong now. `level` grows with how bad it is; `detail` holds counts and words, nothing of people."""

    kind: Kind
    subject: str
    level: int
    detail: dict[str, Any]


class Standing(NamedTuple):
    """What is known of a condition: since when, the highest level that people were told of, and when it was missing first."""

    kind: Kind
    subject: str
    told: int
    since: datetime
    gone_at: datetime | None
    detail: dict[str, Any]


class News(NamedTuple):
    """What people are told: that something began, grew worse, or is over."""

    kind: Kind
    subject: str
    change: Change
    detail: dict[str, Any]
    since: datetime


class Pace(NamedTuple):
    """How long something must stand before it is news, and be missing before it is over: what flickers is told once."""

    patience: timedelta
    settle: timedelta


AT_ONCE = Pace(timedelta(0), timedelta(0))
_SLOW: frozenset[Kind] = frozenset({"sync_failed", "freshness"})
"""What comes and goes by itself while Muster retries."""
_DECIDED: frozenset[Kind] = frozenset({"plan_held", "connection"})
"""What people decide: it does not flicker."""


def pace_of(kind: Kind, pace: Pace) -> Pace:
    """How patient to be with this kind."""
    if kind in _DECIDED:
        return AT_ONCE
    return pace if kind in _SLOW else pace._replace(patience=timedelta(0))


def step(
    standing: Standing | None, found: Condition | None, now: datetime, pace: Pace
) -> tuple[Standing | None, News | None]:
    """One look at one condition: what is known of it afterwards, and what people are told."""
    if found is None:
        return (None, None) if standing is None else _missing(standing, now, pace)
    known = standing or Standing(found.kind, found.subject, 0, now, None, found.detail)
    known = known._replace(gone_at=None, detail=found.detail)
    if found.level <= known.told or now - known.since < pace.patience:
        return known, None
    change: Change = "worse" if known.told else "began"
    return known._replace(told=found.level), _news(known, change)


def _missing(standing: Standing, now: datetime, pace: Pace) -> tuple[Standing | None, News | None]:
    gone_at = standing.gone_at or now
    if now - gone_at < (pace.settle if standing.told else pace.patience):
        return standing._replace(gone_at=gone_at), None
    return None, _news(standing, "ended") if standing.told else None


def _news(standing: Standing, change: Change) -> News:
    return News(standing.kind, standing.subject, change, standing.detail, standing.since)


class Look(NamedTuple):
    """What one look found of a company. `unknown`: what it cannot tell about, by kind and subject; an empty one is all."""

    found: Sequence[Condition]
    unknown: Collection[tuple[Kind, str]] = frozenset()


class Outcome(NamedTuple):
    """What is known of a company after a look, and what its people are told."""

    standing: list[Standing]
    news: list[News]


def decide(before: Iterable[Standing], look: Look, now: datetime, pace: Pace) -> Outcome:
    """All conditions of one company after one look; what it could not tell about stays as it was."""
    known = {(one.kind, one.subject): one for one in before}
    found = {(one.kind, one.subject): one for one in look.found}
    kept: list[Standing] = []
    news: list[News] = []
    for key in sorted(known.keys() | found.keys()):
        if key not in found and not {key, (key[0], "")}.isdisjoint(look.unknown):
            kept.append(known[key])
            continue
        after, told = step(known.get(key), found.get(key), now, pace_of(key[0], pace))
        kept += [after] if after else []
        news += [told] if told else []
    return Outcome(kept, news)


class Connected(NamedTuple):
    """One account of the company and how it is."""

    account: str
    label: str
    state: str
    text: str
    fix: str
    reconnect_by: datetime | None
    followed: bool
    """Whether the active route names it."""
    looked_at: datetime | None
    every_seconds: int | None
    used: int
    allowed: int
    """Calls of the month; 0 is no limit."""


class HeldPlan(NamedTuple):
    """A plan that waits for its release."""

    plan: str
    total: int
    why: tuple[str, ...]


class Failed(NamedTuple):
    """Records that are Failed, and the most frequent reasons of the last day."""

    records: int
    reasons: tuple[str, ...] = ()


class Picture(NamedTuple):
    """What the services know of a company; None where one did not answer."""

    connections: Sequence[Connected]
    plans: Sequence[HeldPlan] | None
    failed: Failed | None
    dead_letters: int | None
    fresh: bool
    """Whether importer answered."""


def look_at(picture: Picture, now: datetime, freshness: timedelta) -> Look:
    """What is wrong. A directory that is not looked at because its connection is down is not told twice."""
    found: list[Condition] = []
    unknown: set[tuple[Kind, str]] = set()
    for one in picture.connections:
        found += [*_connection(one, now), *_budget(one)]
        if one.state != "connected" or not picture.fresh:
            unknown.add(("freshness", one.account))
        else:
            found += _freshness(one, now, freshness)
    if picture.plans is None:
        unknown.add(("plan_held", ""))
    for plan in picture.plans or ():
        found.append(Condition("plan_held", plan.plan, 1, {"count": plan.total, "why": list(plan.why)}))
    if picture.failed is None:
        unknown.add(("sync_failed", ""))
    elif picture.failed.records:
        detail = {"count": picture.failed.records, "why": list(picture.failed.reasons)}
        found.append(Condition("sync_failed", "", _size(picture.failed.records), detail))
    if picture.dead_letters is None:
        unknown.add(("dead_letters", ""))
    elif picture.dead_letters:
        count = picture.dead_letters
        found.append(Condition("dead_letters", "", _size(count), {"count": count}))
    return Look(found, unknown)


def _size(count: int) -> int:
    """How many digits: ten times as many is news, one more is not."""
    return len(str(count))


def _connection(one: Connected, now: datetime) -> Iterable[Condition]:
    if one.state == "connected":
        if one.reconnect_by is not None and one.reconnect_by - now < _RECONNECT_AHEAD:
            detail = {"system": one.label, "until": one.reconnect_by.astimezone(UTC).date().isoformat()}
            yield Condition("connection", one.account, 1, detail)
    elif one.state not in _ASLEEP:
        yield Condition(
            "connection", one.account, 2, {"system": one.label, "why": [one.text], "fix": one.fix}
        )


def _budget(one: Connected) -> Iterable[Condition]:
    level = sum(one.allowed > 0 and one.used >= share * one.allowed for share in _BUDGET_LEVELS)
    if level:
        share = min(100, 100 * one.used // one.allowed)
        detail = {"system": one.label, "share": share, "used": one.used, "allowed": one.allowed}
        yield Condition("budget", one.account, level, detail)


def _freshness(one: Connected, now: datetime, objective: timedelta) -> Iterable[Condition]:
    within = max(objective, timedelta(seconds=3 * (one.every_seconds or 0)))
    if one.followed and one.looked_at is not None and now - one.looked_at > within:
        minutes = int(within.total_seconds() // 60)
        yield Condition("freshness", one.account, 1, {"system": one.label, "minutes": minutes})


class Habits(NamedTuple):
    """When a receiver wants no messages (from, until; by the clocks of the zone), and how many minutes lie between two."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: str = "UTC"
    digest_minutes: int = 0


def send_at(first: datetime, sent: Iterable[datetime], habits: Habits) -> datetime:
    """When what has waited since `first` goes, in one message; `sent` are the times of the messages before."""
    at, before = first, sorted(sent)
    if habits.digest_minutes and before:
        at = max(at, before[-1] + timedelta(minutes=habits.digest_minutes))
    if len(before) >= STORM:
        at = max(at, before[-STORM] + STORM_WITHIN)
    return after_quiet(at, habits)


def after_quiet(at: datetime, habits: Habits) -> datetime:
    """The same moment, or the end of the quiet hours that it falls into."""
    begin, end = habits.quiet_from, habits.quiet_until
    if begin is None or end is None or begin == end:
        return at
    zone = ZoneInfo(habits.time_zone)
    local = at.astimezone(zone)
    clock = local.time()
    if not (begin <= clock < end if begin < end else clock >= begin or clock < end):
        return at
    day = local.date() + timedelta(days=clock >= end)
    return max(at, datetime.combine(day, end, zone).astimezone(UTC))


class Notice(NamedTuple):
    """One thing to tell a receiver about one company."""

    company_id: UUID
    company: str
    kind: Kind
    subject: str
    change: Change
    detail: dict[str, Any]
    since: datetime
    at: datetime


def collapsed(notices: Iterable[Notice]) -> list[Notice]:
    """The latest word on each thing, in the order of time: what began and ended before it could be told is one line."""
    latest: dict[tuple[UUID, Kind, str, bool], Notice] = {}
    for one in sorted(notices, key=lambda notice: notice.at):
        key = (one.company_id, one.kind, one.subject, one.change == "test")
        latest.pop(key, None)
        latest[key] = one
    return list(latest.values())
