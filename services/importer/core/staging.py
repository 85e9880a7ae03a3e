"""What a freshly read record means for staging. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.directory_views import Mark, SourceRow
from shared.contracts.events import EmployeeChanged, EmployeeRemoved, EmployeeStaged, EmployeeUnreadable
from shared.domain.employee import Change, Employee, Remote, Unread, content_hash, delta
from shared.domain.settings import Rules
from shared.domain.values import Cause
from shared.domain.versions import Reading, is_newer

Event = EmployeeStaged | EmployeeChanged | EmployeeRemoved | EmployeeUnreadable


class Snapshot(NamedTuple):
    """One staged record as stored."""

    record_id: UUID
    account_id: UUID
    remote_id: str
    rev: int
    state: str
    remote_version: str | None
    remote_updated_at: datetime | None
    requested_at: datetime
    answered_at: datetime
    raw_hash: bytes | None
    content_hash: bytes
    employee: Employee
    text: str
    """The employee as JSON."""
    payload: str | None
    written: bool = False
    """It is what the system answered to a write of ours."""

    def reading(self) -> Reading:
        """How it was answered."""
        return Reading(
            self.remote_version, self.remote_updated_at, self.requested_at, self.answered_at, self.written
        )


class Fresh(NamedTuple):
    """One record as just read or answered. `employee` is None when it cannot be read, for `reason`."""

    record_id: UUID
    account_id: UUID
    remote_id: str
    employee: Employee | None
    remote_version: str | None
    remote_updated_at: datetime | None
    requested_at: datetime
    answered_at: datetime
    raw_hash: bytes | None
    payload: str | None
    reason: str = ""
    field: str | None = None
    written_for: UUID | None = None

    def reading(self) -> Reading:
        """How it was answered."""
        return Reading(
            self.remote_version,
            self.remote_updated_at,
            self.requested_at,
            self.answered_at,
            self.written_for is not None,
        )


def fresh_of(
    record: UUID,
    account: UUID,
    parsed: Remote | Unread,
    requested_at: datetime,
    answered_at: datetime,
    raw_hash: bytes | None,
) -> Fresh:
    """A record as a connector parsed it, for staging."""
    if isinstance(parsed, Unread):
        return Fresh(
            record,
            account,
            parsed.remote_id,
            None,
            None,
            None,
            requested_at,
            answered_at,
            raw_hash,
            parsed.payload or None,
            parsed.reason,
            parsed.field,
        )
    return Fresh(
        record,
        account,
        parsed.remote_id,
        parsed.employee,
        parsed.version,
        parsed.updated_at,
        requested_at,
        answered_at,
        raw_hash,
        parsed.payload,
    )


@dataclass(slots=True)
class Staging:
    """What a batch of fresh records comes to."""

    saved: list[Snapshot] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seen: list[Fresh] = field(default_factory=list)
    staged: int = 0
    changed: int = 0
    unchanged: int = 0
    unreadable: int = 0


def takes(rules: Rules, cause: Cause, *, is_source: bool, is_known: bool, only_new: bool) -> bool:
    """Whether staging takes this read. Imports ignore the switches; destination records are always taken (S14–S16, S34)."""
    if only_new and is_known:
        return False
    if not is_source or cause in (Cause.IMPORT, Cause.READ, Cause.PUSH, Cause.PERSON):
        return True
    return rules.auto_update if is_known else rules.auto_create


def stage(
    known: Mapping[UUID, Snapshot],
    fresh: Sequence[Fresh],
    *,
    rules: Rules,
    cause: Cause,
    is_source: bool,
    only_new: bool,
    milliseconds: int,
) -> Staging:
    """Compare with staging; `milliseconds` is the database's clock and the least new rev."""
    result = Staging()
    for one in fresh:
        stored = known.get(one.record_id)
        if stored is not None and not is_newer(stored.reading(), one.reading()):
            result.unchanged += 1
            _remind(result, stored, one, max(stored.rev + 1, milliseconds), cause)
        elif not takes(rules, cause, is_source=is_source, is_known=stored is not None, only_new=only_new):
            result.unchanged += 1
            result.seen.append(one)
        else:
            rev = max(stored.rev + 1 if stored else 0, milliseconds)
            _take(result, stored, one, rev, cause)
    return result


def shown(stored: Snapshot | None, one: Fresh) -> SourceRow:
    """What an import of this record would do to staging, as `stage` decides it."""
    known = {} if stored is None else {stored.record_id: stored}
    staging = stage(
        known, [one], rules=Rules(), cause=Cause.IMPORT, is_source=True, only_new=False, milliseconds=0
    )
    row = SourceRow(
        record_id=one.record_id,
        remote_id=one.remote_id,
        mark=Mark.STAGED,
        name=one.employee.full_name() if one.employee else "",
        values=one.employee.only_known().model_dump(mode="json", exclude_unset=True) if one.employee else {},
        updated_at=one.remote_updated_at,
    )
    match staging.events:
        case [EmployeeUnreadable(reason=reason, field=field)]:
            return row.model_copy(update={"mark": Mark.UNREADABLE, "reason": reason, "field": field})
        case [EmployeeChanged(changes=moved)]:
            return row.model_copy(update={"mark": Mark.CHANGED, "changes": moved})
        case [EmployeeStaged()]:
            absent = stored is None or stored.state == "removed"
            return row.model_copy(update={"mark": Mark.NEW if absent else Mark.CHANGED})
        case _:
            return row


def _remind(result: Staging, stored: Snapshot, one: Fresh, rev: int, cause: Cause) -> None:
    """Publish again what stands when the answer to a write of ours came late: a service that believed the answer must get it."""
    if one.written_for is None or one.employee is None or stored.state != "present":
        return
    if moved := delta(one.employee, stored.employee):
        again = stored._replace(rev=rev)
        result.saved.append(again)
        result.events.append(_changed(_staged(again, cause, None), moved))


def _take(result: Staging, stored: Snapshot | None, one: Fresh, rev: int, cause: Cause) -> None:
    if one.employee is None:
        result.unreadable += 1
        kept = stored.employee if stored else Employee()
        result.saved.append(_snapshot(one, kept, kept.text(), rev, b"", "unreadable"))
        result.events.append(
            EmployeeUnreadable(
                record_id=one.record_id,
                account_id=one.account_id,
                remote_id=one.remote_id,
                rev=rev,
                reason=one.reason,
                field=one.field,
            )
        )
        return
    text = one.employee.text()
    content = content_hash(one.employee.formed().text())
    present = stored is not None and stored.state == "present"
    if stored is not None and present and stored.content_hash == content and one.written_for is None:
        result.unchanged += 1
        result.saved.append(_snapshot(one, one.employee, text, stored.rev, content, "present"))
        return
    saved = _snapshot(one, one.employee, text, rev, content, "present")
    result.saved.append(saved)
    plain = _staged(saved, cause, one.written_for)
    if stored is None or not present:
        result.staged += 1
        result.events.append(plain)
        return
    result.changed += 1
    result.events.append(_changed(plain, delta(stored.employee, one.employee)))


def _staged(saved: Snapshot, cause: Cause, written_for: UUID | None) -> EmployeeStaged:
    return EmployeeStaged(
        record_id=saved.record_id,
        account_id=saved.account_id,
        remote_id=saved.remote_id,
        rev=saved.rev,
        employee=saved.employee,
        remote_version=saved.remote_version,
        remote_updated_at=saved.remote_updated_at,
        requested_at=saved.requested_at,
        answered_at=saved.answered_at,
        cause=cause,
        written_for=written_for,
    )


def _changed(plain: EmployeeStaged, moved: dict[str, Change]) -> EmployeeChanged:
    values = {name: getattr(plain, name) for name in EmployeeStaged.model_fields}
    return EmployeeChanged.model_construct(**values, changes=moved)


def _snapshot(one: Fresh, employee: Employee, text: str, rev: int, content: bytes, state: str) -> Snapshot:
    return Snapshot(
        one.record_id,
        one.account_id,
        one.remote_id,
        rev,
        state,
        one.remote_version,
        one.remote_updated_at,
        one.requested_at,
        one.answered_at,
        one.raw_hash,
        content,
        employee,
        text,
        one.payload,
        one.written_for is not None,
    )


def removals(account: UUID, cause: Cause, gone: Iterable[Any]) -> list[EmployeeRemoved]:
    """The events of records that a complete read did not meet any more, or that the system says are gone."""
    return [
        EmployeeRemoved(
            record_id=row["record_id"],
            account_id=account,
            remote_id=row["remote_id"],
            rev=row["rev"],
            cause=cause,
        )
        for row in gone
    ]
