"""Whether a hint calls for a read: not when staging holds what it reports. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.events import Reported, SourceChanged
from shared.domain.ids import record_id
from shared.domain.versions import Reading

SKEW = timedelta(seconds=2)
"""So far apart the clocks of one system may be that date a change and its announcement, their fractions cut off."""
ECHO = timedelta(seconds=5)
"""A system announces our own write within this time of it, by its own clock."""


class Heed(Enum):
    """What a hint calls for."""

    NOTHING = "nothing"
    LATER = "later"
    NOW = "now"


class Held(NamedTuple):
    """What staging holds of a record."""

    state: str
    reading: Reading


def heed(held: Held | None, told: Reported) -> Heed:
    """What to do about one event of a webhook.

    Nothing where it names the very version that is held, or came well before that version by its system's own clock: what it
    reports is in it. Around the time of our own write it is most likely that write's echo; it may be somebody's change right
    behind it, so it is read with the next echoes. Everything else is read now, an echo that overtook its answer too.
    """
    if held is None or held.state != "present":
        return Heed.NOW
    if told.version is not None and told.version == held.reading.version:
        return Heed.NOTHING
    if told.at is None or held.reading.updated_at is None:
        return Heed.NOW
    since = told.at - held.reading.updated_at.replace(microsecond=0)
    if since < -SKEW:
        return Heed.NOTHING
    return Heed.LATER if held.reading.written and since < ECHO else Heed.NOW


def heeded(hints: Sequence[SourceChanged], held: Mapping[UUID, Held]) -> tuple[list[str], list[str]]:
    """Of hints of one account: whom to read now, and whom later."""
    calls: defaultdict[str, set[Heed]] = defaultdict(set)
    for hint in hints:
        for one in hint.reported:
            calls[one.remote_id].add(heed(held.get(record_id(hint.account_id, one.remote_id)), one))
        told = {one.remote_id for one in hint.reported}
        for remote_id in hint.remote_ids():
            if remote_id not in told:
                calls[remote_id].add(Heed.NOW)
    now = [i for i, found in calls.items() if Heed.NOW in found]
    return now, [i for i, found in calls.items() if Heed.LATER in found and Heed.NOW not in found]
