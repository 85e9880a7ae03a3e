"""Around services/importer/core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.importer import core as importing
from shared.contracts.events import (
    Body,
    DirectoryComplete,
    DirectoryWanted,
    Message,
    PushSucceeded,
    SettingsChanged,
)
from shared.domain.employee import Employee
from shared.domain.settings import Rules
from shared.domain.values import Cause, Lane
from tests.support.pure.directory import Directory

if TYPE_CHECKING:
    from tests.support.pure.world import World


@dataclass
class Reading:
    """What was read and is not staged yet."""

    side: Directory
    fresh: list[importing.Fresh]
    cause: Cause
    lane: Lane
    asked_at: datetime
    full: bool
    mark: bool
    only_new: bool = False


class Importer:
    """Around services/importer/core."""

    def __init__(self, world: World) -> None:
        self.world, self.settings = world, world.settings
        self.snapshots: dict[UUID, importing.Snapshot] = {}
        self.generation = 0
        self.wanted = False

    def on_settings(self, events: Sequence[Message[SettingsChanged]]) -> None:
        self.settings = max([self.settings, *(e.body.settings for e in events)], key=lambda s: s.version)

    def _stage(self, fresh: list[importing.Fresh], publish: Callable[[Body], None], **how: Any) -> None:
        ms = int(self.world.now.timestamp() * 1000)
        staging = importing.stage(self.snapshots, fresh, milliseconds=ms, **how)
        for s in staging.saved:
            self.snapshots[s.record_id] = s._replace(employee=Employee.model_validate_json(s.text))
        for event in staging.events:
            publish(event)

    def stage(self, reading: Reading) -> None:
        """What a read brought, in one transaction, with its end."""
        side, world = reading.side, self.world
        assert self.settings.route is not None
        self._stage(
            reading.fresh,
            lambda body: world.publish(body, lane=reading.lane),
            rules=self.settings.route.rules,
            cause=reading.cause,
            is_source=side is world.source,
            only_new=reading.only_new,
        )
        if reading.full:
            met, gone = {f.record_id for f in reading.fresh}, []
            for s in list(self.snapshots.values()):
                known = s.account_id == side.account and s.state != "removed"
                if known and s.record_id not in met and s.answered_at < reading.asked_at:
                    rev = max(s.rev + 1, int(world.now.timestamp() * 1000))
                    self.snapshots[s.record_id] = s._replace(state="removed", rev=rev)
                    gone.append({"record_id": s.record_id, "remote_id": s.remote_id, "rev": rev})
            for event in importing.removals(side.account, reading.cause, gone):
                world.publish(event, lane=reading.lane)
        if reading.mark:
            self.generation += 1
            world.mark(
                DirectoryComplete, account_id=side.account, generation=self.generation, as_of=reading.asked_at
            )

    def on_pushes(self, events: Sequence[Message[Any]]) -> None:
        for e in events:
            body = e.body
            if isinstance(body, DirectoryWanted):
                self.wanted = True
            if isinstance(body, PushSucceeded) and body.action != "no_change":
                fresh = importing.Fresh(
                    body.destination_record_id, body.destination_account_id, body.destination_remote_id, body.employee,
                    body.remote_version, body.remote_updated_at, body.requested_at, body.answered_at, None, None,
                    written_for=body.record_id,
                )  # fmt: skip
                how = {"rules": Rules(), "cause": Cause.PUSH, "is_source": False, "only_new": False}
                self._stage([fresh], lambda published, e=e: self.world.publish(published, e), **how)
