"""What could identify the sandboxes' people in a text, and the texts in which it must not stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tests.support.fleet import Fleet
from tests.support.hands import Hands

LONG = 7
NOT_PERSONAL = {
    "metadata",
    "id",
    "etag",
    "updated_at",
    "created_at",
    "sparse",
    "domain",
    "job_title",
    "title",
    "trade",
}


def values(person: Any) -> set[str]:
    """What could identify this person: values with a blank, an @, or many digits, such as a date of birth."""
    if isinstance(person, dict):
        return set().union(*(values(v) for k, v in person.items() if k.lower() not in NOT_PERSONAL))
    if isinstance(person, list):
        return set().union(*map(values, person))
    text = str(person)
    return {text} if len(text) > LONG and re.search(r"[ @]|\d{3}-\d{2}", text) else set()


async def everybody(fleet: Fleet) -> set[str]:
    """The same of everyone in both systems of every company."""
    found = set()
    for company in fleet.access.companies:
        hands = Hands(fleet, company)
        for system in (hands.source, hands.destination):
            for person in (await hands.people(system)).values():
                found |= values(person)
    return found


async def told(fleet: Fleet) -> dict[str, str]:
    """The services' logs and metrics."""
    logs = {file.name: file.read_text(errors="replace") for file in (fleet.stack.data / "logs").glob("*.log")}
    texts = {name: text for name, text in logs.items() if not name.startswith("sandbox")}
    for service, url in fleet.stack.operations.items():
        texts[f"{service}/metrics"] = (await fleet.http.get(f"{url}/metrics")).text
    return texts


def leaks(texts: Mapping[str, str], private: Collection[str]) -> dict[str, list[str]]:
    """Which of these values stand in which text."""
    return {name: found for name, text in texts.items() if (found := [v for v in private if v in text])}
