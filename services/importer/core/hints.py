"""Whether a hint calls for a read: not when staging holds what it reports. Pure."""

from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from shared.contracts.events import Reported
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
