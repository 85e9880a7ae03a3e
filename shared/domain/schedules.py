"""When a schedule's next run is due. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MINUTES = 24 * 60
_LEAST_MINUTES = 5
_FIELDS = 5


class Timing(BaseModel):
    """Every so many minutes; or, by the clocks of a time zone, at a time of some days or as a cron expression says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_minutes: int | None = Field(default=None, ge=_LEAST_MINUTES, le=7 * _DAY_MINUTES)
    at: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM")
    cron: str | None = Field(
        default=None,
        max_length=60,
        description="Five fields: minute, hour, day of the month, month, day of the week",
    )
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, max_length=7)
    time_zone: str = Field(default="UTC", max_length=60)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("choose a time zone of the IANA database, such as America/Los_Angeles") from None
        return name

    @field_validator("cron")
    @classmethod
    def _runs_and_not_all_the_time(cls, text: str | None) -> str | None:
        if text is None:
            return None
        if len(text.split()) != _FIELDS:
            raise ValueError("a cron expression has five fields, such as 0 6 * * MON-FRI")
        try:
            # So many times cover an hour, whose minutes are those of each hour.
            times = list(islice(CronSim(text, _EPOCH), 60 // _LEAST_MINUTES + 1))
        except CronSimError as error:
            raise ValueError(f"this is not a cron expression: {str(error).lower()}") from None
        if not times:
            raise ValueError("no date ever matches this cron expression")
        if any(later - earlier < timedelta(minutes=_LEAST_MINUTES) for earlier, later in pairwise(times)):
            raise ValueError(f"runs must be at least {_LEAST_MINUTES} minutes apart")
        return text

    @model_validator(mode="after")
    def _one_way(self) -> "Timing":
        if sum(way is not None for way in (self.every_minutes, self.at, self.cron)) != 1:
            raise ValueError("give one of every_minutes, at and cron")
        return self


def next_run(timing: Timing, after: datetime) -> datetime:
    """The first moment later than `after`, in UTC: those that were missed meanwhile are caught up by this one.

    A time that the clocks leave out, when summer begins, comes an hour later; one that comes twice counts once.
    """
    if timing.every_minutes is not None:
        step = timedelta(minutes=timing.every_minutes)
        return _EPOCH + ((after - _EPOCH) // step + 1) * step
    zone = ZoneInfo(timing.time_zone)
    if timing.cron is not None:
        return next(CronSim(timing.cron, after.astimezone(zone))).astimezone(UTC)
    assert timing.at is not None
    at = time.fromisoformat(timing.at)
    today = after.astimezone(zone).date()
    moments = (_moment(today + timedelta(days=n), at, zone) for n in range(-1, 9))
    wanted = [DAYS.index(day) for day in timing.days]
    return next(m for m in moments if m > after and m.astimezone(zone).weekday() in wanted)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
