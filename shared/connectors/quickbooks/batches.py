"""Calls of several writes: what they are made of, and what each of their answers says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import orjson

from shared.connectors.client import HttpResponse, raw_record
from shared.connectors.ports import PreparedCall, Write, Written
from shared.connectors.quickbooks import answers, wire
from shared.domain.employee import Unread
from shared.errors import Unavailable


def prepared(base: str, key: str, writes: Sequence[Write], *, payroll: bool) -> PreparedCall:
    """One POST, or one batch; `requestid` makes a repetition answer what the first one did."""
    bodies = [wire.body_of(write, payroll=payroll) for write in writes]
    members = [write.push_id for write in writes]
    if len(writes) == 1:
        path = f"{base}/employee?requestid={key}"
        return PreparedCall(key, "POST", path, orjson.dumps(bodies[0]).decode(), {}, members)
    items = [
        {"bId": str(n), "operation": write.action, "Employee": body}
        for n, (write, body) in enumerate(zip(writes, bodies, strict=True), 1)
    ]
    return PreparedCall(key, "POST", _path(base, key), _body(items), {}, members)


def halves(base: str, call: PreparedCall) -> Iterator[PreparedCall]:
    """The same items in two calls, whose keys follow from the call's: a repetition is halved in the same way."""
    items = orjson.loads(call.body)["BatchItemRequest"]
    middle = len(items) // 2
    for part in (slice(None, middle), slice(middle, None)):
        numbered = [{**item, "bId": str(n)} for n, item in enumerate(items[part], 1)]
        key = str(uuid5(NAMESPACE_OID, f"{call.key}/{part.start}:{part.stop}"))
        yield replace(call, key=key, path=_path(base, key), body=_body(numbered), members=call.members[part])


def _path(base: str, key: str) -> str:
    return f"{base}/batch?requestid={key}"


def _body(items: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps({"BatchItemRequest": items}).decode()


def by_number(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The items of a batch answer, distinguished by their bId only, in whatever order they come."""
    items = answer.get("BatchItemResponse")
    return {str(i.get("bId")): i for i in items if isinstance(i, dict)} if isinstance(items, list) else {}


def numbered(call: PreparedCall) -> list[tuple[str, str]]:
    """Each member of a batch with its bId."""
    return [(str(n), member) for n, member in enumerate(call.members, 1)]


def written(member: str, item: dict[str, Any] | None, answer: HttpResponse, *, again: bool) -> Written:
    """What came of one write: `item` is its own answer, None where there is none."""
    if item is None:
        missing = Unavailable("quickbooks: a batch answer without this item", outcome_unknown=True)
        return Written(member, error=missing)
    if fault := item.get("Fault"):
        code, field = answers.fault_code(fault)
        message = f"quickbooks: code {code or 'none'}"
        error = answers.code_error(code, field, message, writes=True, again=again)
        error.received = answers.kept_answer(answer, item, fault)
        return Written(member, error=error)
    try:
        parsed = wire.parse(raw_record(item.get("Employee"), "Id"))
    except ValueError:
        parsed = Unread("", "unreadable")
    if isinstance(parsed, Unread):
        unknown = Unavailable("quickbooks: an answer that cannot be read", outcome_unknown=True)
        unknown.received = answers.kept_answer(answer, item)
        return Written(member, error=unknown)
    return Written(member, remote=parsed, received=answers.kept_answer(answer, item))
