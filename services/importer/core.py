"""What a freshly read record means for staging. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.events import EmployeeChanged, EmployeeRemoved, EmployeeStaged, EmployeeUnreadable
from shared.contracts.records import Cause, Change, Employee, Rules, content_hash, delta

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


def is_newer(stored: Snapshot, fresh: Fresh) -> bool:
    """By the remote's version; with an equal version or none, only if its request began after the stored one's answer."""
    order = _compare(stored, fresh)
    return order > 0 or (order == 0 and fresh.requested_at >= stored.answered_at)


def _compare(stored: Snapshot, fresh: Fresh) -> int:
    old, new = stored.remote_version, fresh.remote_version
    if old is not None and new is not None and old != new and old.isdigit() and new.isdigit():
        return 1 if int(new) > int(old) else -1
    if (
        stored.remote_updated_at
        and fresh.remote_updated_at
        and stored.remote_updated_at != fresh.remote_updated_at
    ):
        return 1 if fresh.remote_updated_at > stored.remote_updated_at else -1
    return 0


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
        if stored is not None and not is_newer(stored, one):
            result.unchanged += 1
            _remind(result, stored, one, max(stored.rev + 1, milliseconds), cause)
        elif not takes(rules, cause, is_source=is_source, is_known=stored is not None, only_new=only_new):
            result.unchanged += 1
            result.seen.append(one)
        else:
            rev = max(stored.rev + 1 if stored else 0, milliseconds)
            _take(result, stored, one, rev, cause)
    return result


def _remind(result: Staging, stored: Snapshot, one: Fresh, rev: int, cause: Cause) -> None:
    """Say again what stands when the answer to a write of ours came late: whoever believed the answer must hear it."""
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
    content = content_hash(text)
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
        read_at=saved.answered_at,
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


def backoff_seconds(attempts: int, *, most: float = 300.0) -> float:
    """The pause before the next try: 1, 2, 4 … seconds."""
    return float(min(most, 2.0 ** min(attempts, 16)))
