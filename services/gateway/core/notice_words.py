"""What a notice says: titles, texts and addresses of pages, and the forms that mail, webhooks, Slack and Teams take. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.gateway.core.notices import Kind, Notice

Shape = Literal["webhook", "slack", "teams"]
MOST = 20
"""Lines of one message; of more it says how many there are."""
TITLES: Mapping[Kind, str] = {
    "plan_held": "A sync is held",
    "connection": "A connection needs attention",
    "sync_failed": "Syncs failed",
    "freshness": "Changes are not seen in time",
    "budget": "The month's calls are running out",
    "dead_letters": "Messages could not be handled",
}
WHEN: Mapping[Kind, str] = {
    "plan_held": "A plan exceeds the safety limits and waits to be released.",
    "connection": "A system refuses the connection, or it expires within a week.",
    "sync_failed": "Employees stay Failed for several minutes; again at ten times as many.",
    "freshness": "A directory has not been read for 15 minutes, although its connection works.",
    "budget": "80%, 95% or all of a system's calls for the month are used.",
    "dead_letters": "A service could not handle a message about the company.",
}
_PAGES: Mapping[Kind, str] = {
    "plan_held": "plans/{subject}",
    "connection": "connections",
    "sync_failed": "employees?status=failed",
    "freshness": "operations",
    "budget": "connections",
    "dead_letters": "operations",
}


class Line(NamedTuple):
    """One notice in words. `link` is the page of the console to open."""

    company: str
    company_id: UUID
    kind: str
    change: str
    title: str
    text: str
    link: str
    since: datetime


def worded(notice: Notice, console: str) -> Line:
    """The notice in words; `console` is the console's address."""
    if notice.change == "test":
        title, text = "This is a test", "Notices of Muster arrive here."
        page = "notifications"
    else:
        say = _ended if notice.change == "ended" else _stands
        title, text = say(notice.kind, notice.detail)
        page = _PAGES[notice.kind].format(subject=notice.subject)
    link = f"{console.rstrip('/')}/c/{notice.company_id}/{page}"
    company = " ".join(notice.company.split())
    return Line(
        company, notice.company_id, notice.kind, notice.change, title, text.strip(), link, notice.since
    )


def _stands(kind: Kind, detail: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and why and what to do."""
    why = " ".join(detail.get("why", ()))
    match kind:
        case "plan_held":
            of = f" of {_count(detail['count'], 'employee')}" if detail["count"] else ""
            return f"A sync{of} is held", f"{why} Look at it, then release or cancel it."
        case "connection" if "until" in detail:
            title = f"Reconnect {detail['system']} by {detail['until']}"
            return title, "The connection expires then. Links and history stay."
        case "connection":
            return f"{detail['system']}: the connection needs attention", f"{why} {detail['fix']}"
        case "sync_failed":
            title = f"Sync failed for {_count(detail['count'], 'employee')}"
            return title, f"{why} What can be retried is retried for at least an hour. Open them to see why."
        case "freshness":
            text = f"{detail['system']} has not been read for over {detail['minutes']} minutes, although its connection works."
            return f"Changes in {detail['system']} are not seen in time", text
        case "budget":
            text = (
                f"{detail['used']:,} of {detail['allowed']:,} calls are used. The count restarts next month."
            )
            return f"{detail['share']}% of this month's calls to {detail['system']} are used", text
        case "dead_letters":
            title = f"{_count(detail['count'], 'message')} could not be handled"
            return title, "Look at each, then replay or discard it."


def _ended(kind: Kind, detail: Mapping[str, Any]) -> tuple[str, str]:
    system = detail.get("system", "")
    match kind:
        case "plan_held":
            return "The held sync is no longer waiting", "It was released or cancelled, or has expired."
        case "connection":
            return f"{system}: the connection is fine again", ""
        case "sync_failed":
            return "No employees are Failed any more", ""
        case "freshness":
            return f"Changes in {system} are seen in time again", ""
        case "budget":
            return f"A new month's calls to {system} have begun", ""
        case "dead_letters":
            return "No messages are waiting any more", ""


def _count(number: int, of: str) -> str:
    return f"{number:,} {of}" if number == 1 else f"{number:,} {of}s"


def subject_of(lines: Sequence[Line]) -> str:
    """The subject of a mail, and the fallback of a chat."""
    names = {line.company for line in lines}
    about = f" ({next(iter(names))})" if len(names) == 1 else ""
    return f"Muster: {lines[0].title}{about}" if len(lines) == 1 else f"Muster: {len(lines)} notices{about}"


def mail_text(lines: Sequence[Line], settings_link: str, zone: str) -> str:
    """The body of a mail: each notice with its page, and where to change what one receives."""
    parts = [
        "\n".join(
            part
            for part in (
                f"{line.company}: {line.title}",
                line.text,
                f"Since {_moment(line, zone)}",
                line.link,
            )
            if part
        )
        for line in lines[:MOST]
    ]
    return "\n\n".join([*parts, *_rest(lines), f"--\nWhat you receive, and when: {settings_link}\n"])


def _moment(line: Line, zone: str) -> str:
    return line.since.astimezone(ZoneInfo(zone or "UTC")).strftime("%Y-%m-%d %H:%M %Z")


def _rest(lines: Sequence[Line]) -> list[str]:
    return [f"And {len(lines) - MOST} more."] if len(lines) > MOST else []


def body_of(shape: Shape, message: UUID, lines: Sequence[Line]) -> dict[str, Any]:
    """What is posted to an address of this shape."""
    match shape:
        case "webhook":
            return _webhook(message, lines)
        case "slack":
            return _slack(lines)
        case "teams":
            return _teams(lines)


def _webhook(message: UUID, lines: Sequence[Line]) -> dict[str, Any]:
    shown = [
        {**line._asdict(), "company_id": str(line.company_id), "since": line.since.isoformat()}
        for line in lines
    ]
    return {"type": "muster.notices", "id": str(message), "text": subject_of(lines), "notices": shown}


def _slack(lines: Sequence[Line]) -> dict[str, Any]:
    """A message of blocks (docs.slack.dev/reference/block-kit)."""
    texts = [
        f"*<{line.link}|{_escaped(line.title)}>*\n{_escaped(line.company)}. {_escaped(line.text)}".strip()
        for line in lines[:MOST]
    ]
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in (*texts, *_rest(lines))
    ]
    return {"text": _escaped(subject_of(lines)), "blocks": blocks}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(lines: Sequence[Line]) -> dict[str, Any]:
    """An Adaptive Card, as the webhooks of Teams' Workflows take it."""
    body: list[dict[str, Any]] = []
    for line in lines[:MOST]:
        body += [
            {"type": "TextBlock", "text": line.title, "weight": "Bolder", "wrap": True, "separator": True},
            {"type": "TextBlock", "text": f"{line.company}. {line.text}".strip(), "wrap": True},
            {
                "type": "ActionSet",
                "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": line.link}],
            },
        ]
    body += [{"type": "TextBlock", "text": rest, "wrap": True} for rest in _rest(lines)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": subject_of(lines),
        "body": body,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "summary": subject_of(lines),
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }
