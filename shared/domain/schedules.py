"""When a schedule's next run is due. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MINUTES = 24 * 60


class Timing(BaseModel):
    """Every so many minutes; or at a time of some days, by the clocks of a time zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_minutes: int | None = Field(default=None, ge=5, le=7 * _DAY_MINUTES)
    at: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM")
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, max_length=7)
    time_zone: str = Field(default="UTC", max_length=60)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("a time zone is one of the IANA database, such as America/Los_Angeles") from None
        return name

    @model_validator(mode="after")
    def _one_way(self) -> "Timing":
        if (self.every_minutes is None) == (self.at is None):
            raise ValueError("give either every_minutes or at")
        return self


def next_run(timing: Timing, after: datetime) -> datetime:
    """The first moment later than `after`, in UTC: those that were missed meanwhile are caught up by this one.

    A time that the clocks leave out, when summer begins, comes an hour later; one that comes twice counts once.
    """
    if timing.every_minutes is not None:
        step = timedelta(minutes=timing.every_minutes)
        return _EPOCH + ((after - _EPOCH) // step + 1) * step
    assert timing.at is not None
    zone, at = ZoneInfo(timing.time_zone), time.fromisoformat(timing.at)
    today = after.astimezone(zone).date()
    moments = (_moment(today + timedelta(days=n), at, zone) for n in range(-1, 9))
    wanted = [DAYS.index(day) for day in timing.days]
    return next(m for m in moments if m > after and m.astimezone(zone).weekday() in wanted)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
