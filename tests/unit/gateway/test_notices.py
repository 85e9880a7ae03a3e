"""When people are told of what, and when a message may go: each change once, no storm, nothing in quiet hours."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.core.notice_words import MOST, body_of, mail_text, subject_of, worded
from services.gateway.core.notices import (
    AT_ONCE,
    KINDS,
    STORM,
    STORM_WITHIN,
    Change,
    Condition,
    Connected,
    Failed,
    Habits,
    HeldPlan,
    Kind,
    Look,
    News,
    Notice,
    Pace,
    Picture,
    Standing,
    after_quiet,
    collapsed,
    decide,
    look_at,
    send_at,
)
from services.gateway.settings import MailSettings
from services.gateway.worker.mail import write_mail

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PACE = Pace(patience=2 * MINUTE, settle=5 * MINUTE)
COMPANY = UUID(int=7)
WELL = Connected("a", "Linarc", "connected", "", "", None, True, NOW, 300, 10, 0)
FINE = Picture([WELL], [], Failed(0), 0, True)


def told(looks: list[Look], pace: Pace = PACE, every: timedelta = MINUTE) -> list[tuple[int, News]]:
    """What is told at which of these looks, one after the other."""
    standing: list[Standing] = []
    found: list[tuple[int, News]] = []
    for number, look in enumerate(looks):
        outcome = decide(standing, look, NOW + number * every, pace)
        standing = outcome.standing
        found += [(number, news) for news in outcome.news]
    return found


def changes(looks: list[Look], pace: Pace = PACE) -> list[tuple[int, str]]:
    return [(number, news.change) for number, news in told(looks, pace)]


def wrong(kind: Kind = "plan_held", level: int = 1, subject: str = "p") -> Look:
    return Look([Condition(kind, subject, level, {})])


GOOD = Look([])


def test_a_plan_is_told_once_when_it_is_held_and_once_when_it_is_decided() -> None:
    assert changes([GOOD, wrong(), wrong(), wrong(), GOOD, GOOD]) == [(1, "began"), (4, "ended")]


def test_another_plan_is_another_notice() -> None:
    assert changes([wrong(), wrong(subject="q")]) == [(0, "began"), (1, "ended"), (1, "began")]


def test_what_passes_by_itself_is_told_only_when_it_stands() -> None:
    failed = wrong("sync_failed", subject="")
    assert changes([failed, GOOD, GOOD, GOOD, failed, failed, GOOD, GOOD, GOOD]) == []
    assert changes([failed] * 4) == [(2, "began")]


def test_what_flickers_is_told_once() -> None:
    budget = wrong("budget")
    assert changes([budget, GOOD, GOOD, budget, GOOD, budget, GOOD]) == [(0, "began")]
    assert changes([budget, *[GOOD] * 6]) == [(0, "began"), (6, "ended")]


def test_ten_times_as_much_is_news_and_a_little_less_is_not() -> None:
    many, more = wrong("dead_letters", 1, ""), wrong("dead_letters", 2, "")
    assert changes([many, more, many, more]) == [(0, "began"), (1, "worse")]


def test_what_a_look_cannot_tell_about_stays_as_it_was() -> None:
    silent = Look([], {("dead_letters", "")})
    begun = wrong("dead_letters", 1, "")
    assert changes([begun, *[silent] * 20, begun]) == [(0, "began")]
    other = Look([], {("freshness", "b")})
    assert changes([begun, *[other] * 20])[-1] == (6, "ended")


LOOKS = st.lists(st.sampled_from([GOOD, *(wrong(k, n, "") for k in KINDS for n in (1, 2, 3))]), max_size=60)


@given(LOOKS)
def test_news_of_one_thing_alternate(looks: list[Look]) -> None:
    """It begins, grows worse by rising levels only, and ends, in this order, however the looks go."""
    for kind in KINDS:
        last: Change = "ended"
        for _, news in told(looks):
            if news.kind == kind:
                allowed = {"ended": {"began"}, "began": {"worse", "ended"}, "worse": {"worse", "ended"}}
                assert news.change in allowed[last]
                last = news.change


@given(LOOKS)
def test_what_is_over_for_long_is_told_to_be_over(looks: list[Look]) -> None:
    news = [one for _, one in told([*looks, *[GOOD] * 7])]
    assert [n.change for n in news].count("began") == [n.change for n in news].count("ended")


def test_the_negative_control_a_pace_without_patience_tells_each_flicker() -> None:
    flicker = [wrong("sync_failed", subject=""), GOOD] * 3
    assert len(changes(flicker, AT_ONCE)) == 6
    assert changes(flicker) == [(2, "began")]


def kinds(picture: Picture, **more: Any) -> list[tuple[str, str, int]]:
    look = look_at(picture._replace(**more), NOW, 15 * MINUTE)
    return [(one.kind, one.subject, one.level) for one in look.found]


def test_a_company_that_is_well_has_no_conditions() -> None:
    assert kinds(FINE) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "reconnect"}, [("connection", "a", 2)]),
        ({"state": "paused"}, []),
        ({"state": "disconnected"}, []),
        ({"reconnect_by": NOW + timedelta(days=3)}, [("connection", "a", 1)]),
        ({"reconnect_by": NOW + timedelta(days=30)}, []),
        ({"looked_at": NOW - 16 * MINUTE}, [("freshness", "a", 1)]),
        ({"looked_at": NOW - 14 * MINUTE}, []),
        ({"looked_at": None}, []),
        ({"looked_at": NOW - 16 * MINUTE, "followed": False}, []),
        ({"looked_at": NOW - 16 * MINUTE, "every_seconds": 600}, []),
        ({"looked_at": NOW - 31 * MINUTE, "every_seconds": 600}, [("freshness", "a", 1)]),
        ({"looked_at": NOW - 16 * MINUTE, "state": "reconnect"}, [("connection", "a", 2)]),
        ({"used": 80, "allowed": 100}, [("budget", "a", 1)]),
        ({"used": 95, "allowed": 100}, [("budget", "a", 2)]),
        ({"used": 120, "allowed": 100}, [("budget", "a", 3)]),
        ({"used": 79, "allowed": 100}, []),
        ({"used": 10**9, "allowed": 0}, []),
    ],
)
def test_how_an_account_is_judged(change: dict[str, Any], expected: list[tuple[str, str, int]]) -> None:
    assert kinds(FINE, connections=[WELL._replace(**change)]) == expected


def test_plans_failures_and_dead_letters_are_conditions() -> None:
    found = kinds(FINE, plans=[HeldPlan("p", 3, ("why",))], failed=Failed(12), dead_letters=3)
    assert found == [("plan_held", "p", 1), ("sync_failed", "", 2), ("dead_letters", "", 1)]


def test_a_service_that_does_not_answer_is_not_a_company_that_is_well() -> None:
    look = look_at(Picture([WELL], None, None, None, False), NOW, 15 * MINUTE)
    assert set(look.unknown) == {
        ("plan_held", ""), ("sync_failed", ""), ("dead_letters", ""), ("freshness", "a"),
    }  # fmt: skip
    down = look_at(FINE._replace(connections=[WELL._replace(state="reconnect")]), NOW, 15 * MINUTE)
    assert ("freshness", "a") in down.unknown


NIGHT = Habits(time(22), time(7), "Europe/Berlin")


@pytest.mark.parametrize(
    ("local", "goes"),
    [("23:30", "07:00"), ("06:59", "07:00"), ("07:00", "07:00"), ("21:59", "21:59"), ("22:00", "07:00")],
)
def test_nothing_goes_in_quiet_hours(local: str, goes: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.combine(NOW.date(), time.fromisoformat(local), zone)
    found = after_quiet(at.astimezone(UTC), NIGHT).astimezone(zone)
    assert found.strftime("%H:%M") == goes and timedelta(0) <= found - at <= timedelta(hours=9)


TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
HABITS = st.builds(Habits, TIMES, TIMES, ZONES, st.sampled_from([0, 60, 1440]))


@given(MOMENTS, HABITS)
def test_quiet_hours_end_within_about_a_day_by_the_receivers_clock(at: datetime, habits: Habits) -> None:
    goes = after_quiet(at, habits)
    assert at <= goes <= at + timedelta(hours=25)
    assert habits.quiet_until is not None
    if goes != at:
        local = goes.astimezone(ZoneInfo(habits.time_zone)).time()
        skipped = timedelta(
            hours=local.hour - habits.quiet_until.hour, minutes=local.minute - habits.quiet_until.minute
        )
        assert (
            timedelta(0) <= skipped % timedelta(days=1) <= timedelta(hours=1)
        )  # what the clocks leave out in spring


@given(st.lists(st.integers(0, 3600), max_size=60).map(sorted), HABITS)
def test_there_is_no_storm_and_nothing_waits_for_ever(seconds: list[int], habits: Habits) -> None:
    """Whenever notices come: never more than three messages within ten minutes, and each notice is in one."""
    arrivals = [NOW + timedelta(seconds=second) for second in seconds]
    sent: list[datetime] = []
    told = 0
    clock = NOW
    while told < len(arrivals):
        waiting = [one for one in arrivals[told:] if one <= clock]
        if not waiting:
            clock = arrivals[told]
            continue
        at = send_at(max(waiting[0], clock), sent, habits)
        if at <= clock:
            told += len(waiting)
            sent.append(clock)
        else:
            clock = at
    for early, late in zip(sent, sent[STORM:], strict=False):
        assert late - early >= STORM_WITHIN
    if habits.digest_minutes:
        assert all(b - a >= timedelta(minutes=habits.digest_minutes) for a, b in itertools.pairwise(sent))


def test_the_negative_control_without_a_limit_there_is_a_storm() -> None:
    sent = [NOW - n * MINUTE for n in range(STORM)]
    assert send_at(NOW, sent, Habits()) == sent[-1] + STORM_WITHIN
    assert send_at(NOW, sent[1:], Habits()) == NOW


def notice(kind: Kind = "plan_held", change: Change = "began", minute: int = 0, **detail: Any) -> Notice:
    usual = {"system": "Linarc", "why": ["Because."], "fix": "Do it.", "count": 2, "share": 80, "used": 8}
    return Notice(
        COMPANY, "A & <B>\nInc", kind, "s", change, {**usual, "allowed": 10, "minutes": 15, **detail}, NOW,
        NOW + minute * MINUTE,
    )  # fmt: skip


def test_what_began_and_ended_before_it_was_told_is_one_line() -> None:
    lines = collapsed([notice(change="ended", minute=2), notice(minute=1), notice("budget")])
    assert [(one.kind, one.change) for one in lines] == [("budget", "began"), ("plan_held", "ended")]


CONSOLE = "https://muster.example"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["began", "worse", "ended", "test"])
def test_each_notice_has_words_and_a_page(kind: Kind, change: Change) -> None:
    line = worded(notice(kind, change), CONSOLE)
    assert line.title and "{" not in line.title + line.text
    assert line.link.startswith(f"{CONSOLE}/c/{COMPANY}/") and line.company == "A & <B> Inc"


def test_a_held_plan_opens_itself() -> None:
    line = worded(notice(), CONSOLE)
    assert (line.title, line.link) == ("A sync of 2 employees is held", f"{CONSOLE}/c/{COMPANY}/plans/s")
    assert worded(notice(count=1), CONSOLE).title == "A sync of 1 employee is held"


def test_a_mail_says_all_of_it_and_no_name_breaks_its_head() -> None:
    lines = [worded(notice(), CONSOLE), worded(notice("budget"), CONSOLE)]
    text = mail_text(lines, f"{CONSOLE}/settings", "Asia/Kathmandu")
    settings = MailSettings(host="h", sender="Muster <muster@example.com>")
    mail = write_mail(settings, UUID(int=1), "x@example.com", subject_of(lines[:1]), text, NOW)
    read = message_from_bytes(mail.as_bytes(), policy=default)
    assert read["Subject"] == "Muster: A sync of 2 employees is held (A & <B> Inc)"
    assert read["Message-ID"] == f"<{UUID(int=1)}@example.com>"
    for part in (lines[0].link, lines[1].title, "2026-03-02 17:45", f"{CONSOLE}/settings"):
        assert part in read.get_content()
    assert subject_of(lines) == "Muster: 2 notices (A & <B> Inc)"
    with pytest.raises(ValueError, match="linefeed"):
        write_mail(settings, UUID(int=1), "x@example.com\nBcc: y@example.com", "s", text, NOW)


def test_a_mail_server_without_a_sender_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="MUSTER_MAIL__SENDER"):
        MailSettings(host="mail.example.com")
    assert MailSettings().host == ""


def test_slack_and_teams_are_given_their_own_forms() -> None:
    lines = [worded(notice(), CONSOLE)]
    slack = body_of("slack", UUID(int=1), lines)
    text = slack["blocks"][0]["text"]
    assert text["type"] == "mrkdwn" and text["text"].startswith(
        f"*<{lines[0].link}|A sync of 2 employees is held>*"
    )
    assert "A &amp; &lt;B&gt; Inc" in text["text"]
    (card,) = body_of("teams", UUID(int=1), lines)["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][2]["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open", "url": lines[0].link}
    ]
    (plain,) = body_of("webhook", UUID(int=1), lines)["notices"]
    assert (plain["kind"], plain["change"], plain["link"]) == ("plan_held", "began", lines[0].link)


@pytest.mark.parametrize("shape", ["slack", "teams"])
def test_a_digest_is_never_longer_than_a_chat_takes(shape: Any) -> None:
    lines = [worded(notice(), CONSOLE)] * 400
    found = str(body_of(shape, UUID(int=1), lines))
    assert f"And {400 - MOST} more." in found and found.count(lines[0].link) == MOST
