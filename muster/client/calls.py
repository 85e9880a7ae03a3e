"""What the two clients share: each call as a value, when to repeat one, and the events of a stream."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel

from shared.backoff import backoff_seconds
from shared.contracts.feed import FeedEvent, FeedPage
from shared.contracts.plans import PlanStarted, PlanView
from shared.contracts.views import (
    CompanyView,
    Me,
    RecordDetail,
    RecordPage,
    RunPage,
    RunStarted,
    RunView,
    Timeline,
)
from shared.domain.values import Status

AWAY_SECONDS = 60.0
HEADERS = {"X-Muster": "1"}
EVENT_STREAM = {"Accept": "text/event-stream"}
STREAM_TIMEOUT = httpx.Timeout(20, read=60)
"""A stream gives a sign of life every 15 seconds."""
ENDED = frozenset({"completed", "failed", "cancelled"})
_REPEATED = frozenset({429, 502, 503, 504})
M = TypeVar("M", bound=BaseModel)


class ApiError(Exception):
    """The API answered with a problem; the text is its detail, `kind` its type."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Call(Generic[M]):
    """One request, and what its answer is."""

    answer: type[M]
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """With a body it is a write."""

    @property
    def method(self) -> str:
        """As HTTP has it."""
        return "GET" if self.body is None else "POST"

    def arguments(self) -> dict[str, Any]:
        """What a request is made with. A write has an idempotency key of its own, the same each time it is sent."""
        query = {name: value for name, value in self.query.items() if value is not None}
        if self.body is None:
            return {"params": query}
        return {"json": dict(self.body), "headers": {"Idempotency-Key": str(uuid.uuid4())}}


def authorisation(key: str | None) -> dict[str, str]:
    """The headers of one who has an API key, or signs in."""
    return HEADERS | ({"Authorization": f"Bearer {key}"} if key else {})


def pause(response: httpx.Response | None, tries: int) -> float | None:
    """How long to wait before the same is sent again; None when the answer stands."""
    if response is not None and response.status_code not in _REPEATED:
        return None
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return float(asked) if asked.isdecimal() else backoff_seconds(tries, first=0.2, most=5)


def read(response: httpx.Response) -> Any:
    """The JSON of a good answer, or its text where it is none. Raises `ApiError`."""
    if not response.is_success:
        raise problem(response)
    if "json" not in response.headers.get("Content-Type", "json"):
        return response.text
    return response.json() if response.content else None


def problem(response: httpx.Response) -> ApiError:
    """What an answer says is wrong."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    detail = body.get("detail") or body.get("title") or response.reason_phrase
    if errors := body.get("errors"):
        detail = "; ".join(f"{one['where']}: {one['why']}" for one in errors)
    return ApiError(response.status_code, str(detail), str(body.get("type", "")).rpartition(":")[2])


def away() -> ApiError:
    """It was waited for in vain."""
    return ApiError(503, "Muster does not answer", "unavailable")


class Lines:
    """Makes events of a stream's lines, and remembers where to go on."""

    def __init__(self, after: int | None) -> None:
        self.last = after
        self._data = ""

    def headers(self) -> dict[str, str]:
        """What asks for the stream from there on."""
        return EVENT_STREAM | ({} if self.last is None else {"Last-Event-ID": str(self.last)})

    def add(self, line: str) -> Iterator[FeedEvent]:
        """The event that this line ends, if it does."""
        name, _, value = line.partition(": ")
        if name == "data":
            self._data += value
        elif not line and self._data:
            data, self._data = self._data, ""
            event = FeedEvent.model_validate_json(data)
            self.last = event.id
            yield event
        elif name == "id":
            self.last = int(value) if not self._data and value.isdecimal() else self.last


ImportMode = Literal["new", "all", "selected"]


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one company."""

    company: UUID | str

    @property
    def path(self) -> str:
        """Where everything of the company is."""
        return f"/v1/companies/{self.company}"

    def settings(self) -> Call[CompanyView]:
        """The company's settings."""
        return Call(CompanyView, self.path)

    def records(
        self, status: Collection[Status] | None, q: str | None, after: str | None, limit: int
    ) -> Call[RecordPage]:
        """One page of the list."""
        chosen = [Status(s).value for s in status] if status else None
        query = {"status": chosen, "q": q, "after": after, "limit": limit}
        return Call(RecordPage, f"{self.path}/records", query)

    def record(self, record: UUID | str) -> Call[RecordDetail]:
        """One record."""
        return Call(RecordDetail, f"{self.path}/records/{record}")

    def timeline(self, record: UUID | str, after: str | None) -> Call[Timeline]:
        """A page of what happened to a record."""
        return Call(Timeline, f"{self.path}/records/{record}/timeline", {"after": after})

    def runs(self, after: str | None) -> Call[RunPage]:
        """A page of imports and syncs."""
        return Call(RunPage, f"{self.path}/runs", {"after": after})

    def run(self, run: UUID | str) -> Call[RunView]:
        """One import or sync."""
        return Call(RunView, f"{self.path}/runs/{run}")

    def start_import(self, mode: ImportMode, remote_ids: Collection[str] | None) -> Call[RunStarted]:
        """An import."""
        chosen = {} if remote_ids is None else {"remote_ids": list(remote_ids)}
        return Call(RunStarted, f"{self.path}/imports", body={"mode": mode, **chosen})

    def start_sync(
        self, record_ids: Collection[UUID | str] | None, status: Collection[Status] | None, q: str | None
    ) -> Call[RunStarted]:
        """A sync of records, or of everything that matches."""
        return Call(RunStarted, f"{self.path}/syncs", body=_chosen(record_ids, status, q))

    def make_plan(
        self, record_ids: Collection[UUID | str] | None, status: Collection[Status] | None, q: str | None
    ) -> Call[PlanStarted]:
        """A plan of the same."""
        return Call(PlanStarted, f"{self.path}/plans", body=_chosen(record_ids, status, q))

    def plan(self, plan: UUID | str) -> Call[PlanView]:
        """One plan."""
        return Call(PlanView, f"{self.path}/plans/{plan}")

    def apply_plan(self, plan: PlanView) -> Call[RunStarted]:
        """The approval of a plan as it was seen."""
        return Call(RunStarted, f"{self.path}/plans/{plan.plan_id}/apply", body={"to_write": plan.to_write})

    def events(self, types: Collection[str] | None, after: int, limit: int) -> Call[FeedPage]:
        """A page of events."""
        query = {"type": list(types) if types else None, "after": after, "limit": limit}
        return Call(FeedPage, f"{self.path}/events", query)


def _chosen(
    record_ids: Collection[UUID | str] | None, status: Collection[Status] | None, q: str | None
) -> dict[str, Any]:
    if record_ids is not None:
        return {"record_ids": [str(i) for i in record_ids]}
    return {"filter": {"status": [Status(s).value for s in status] if status else None, "q": q}}


def me() -> Call[Me]:
    """Who is signed in."""
    return Call(Me, "/v1/session")
