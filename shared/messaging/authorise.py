"""The broker's access rules, made to be exactly those of `contracts.access`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import (
    CreateAclsRequest_v1,
    DeleteAclsRequest_v1,
    DescribeAclsRequest,
)
from aiokafka.protocol.api import Request

from shared.contracts.access import CONSUMES, rules
from shared.errors import Unavailable
from shared.messaging.security import client_options
from shared.settings import KafkaSettings

_ANY, _ALLOW, _EVERYWHERE = 1, 3, "*"
Acl = tuple[int, str, int, str, str, int, int]
"""Resource type, name, pattern, principal, host, operation, permission; as Kafka's protocol has it."""


class RefusedRuleError(Exception):
    """Apache Kafka does not take an access rule; the text says why."""


class _Create(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka carries no types
    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, acls: Sequence[Acl]) -> None:
        self._acls = acls

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(list(self._acls))


class _Delete(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]  # aiokafka carries no types
    API_KEY = DeleteAclsRequest_v1.API_KEY

    def __init__(self, acls: Sequence[Acl]) -> None:
        self._acls = acls

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return request_struct_class(list(self._acls))


async def apply_rules(kafka: KafkaSettings) -> tuple[int, int]:
    """Add the rules that are missing, take away others of our services; how many of each.

    Raises `Unavailable` when no broker answers, `RefusedRuleError` when it has no authorizer or this user may not.
    """
    client = AIOKafkaClient(**client_options(kafka), client_id="muster-rules")
    try:
        await client.bootstrap()
        node = client.get_random_node()
        there = await _described(client, node)
        wanted = {
            (r.resource, r.name, r.pattern, f"User:{r.service}", _EVERYWHERE, r.operation, _ALLOW)
            for r in rules(kafka.prefix)
        }
        missing, wrong = sorted(wanted - there), sorted(there - wanted)
        if missing:
            answer = await client.send(node, _Create(missing))
            _check((code, text) for code, text in answer.creation_responses)
        if wrong:
            answer = await client.send(node, _Delete(wrong))
            _check((code, text) for code, text, _ in answer.filter_responses)
        return len(missing), len(wrong)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"kafka: {type(error).__name__}") from error
    finally:
        await client.close()


async def _described(client: AIOKafkaClient, node: int) -> set[Acl]:
    """The rules of our services that the broker has now."""
    everything = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
    answer = await client.send(node, everything)
    _check([(answer.error_code, answer.error_message)])
    ours = {f"User:{service}" for service in CONSUMES}
    return {
        (kind, name, pattern, principal, host, operation, permission)
        for kind, name, pattern, acls in answer.resources
        for principal, host, operation, permission in acls
        if principal in ours
    }


def _check(answers: Iterable[tuple[int, str | None]]) -> None:
    for code, text in answers:
        if code:
            raise RefusedRuleError(f"Apache Kafka refuses an access rule: {text or for_code(code).__name__}")
