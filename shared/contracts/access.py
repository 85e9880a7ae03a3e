"""Who may do what on the broker: a topic's owner writes it, its consumers read it, and nobody else touches it.

One principal a service, and the administrator's, who makes topics and these rules. What is not listed is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from shared.contracts.topics import (
    EMPLOYEES,
    IMPORTER_COMMANDS,
    IMPORTS,
    LINKS,
    MAPPER_COMMANDS,
    NOTIFICATIONS,
    PUSHES,
    SETTINGS,
    SYNCER_COMMANDS,
    SYNCS,
    TOPICS,
    VIEWS,
    Topic,
)

ADMINISTRATOR = "admin"
CONSUMES = MappingProxyType[str, tuple[Topic, ...]]({
    "gateway": (VIEWS,),
    "importer": (SETTINGS, NOTIFICATIONS, IMPORTER_COMMANDS, PUSHES),
    "mapper": (SETTINGS, EMPLOYEES, PUSHES, MAPPER_COMMANDS),
    "syncer": (SETTINGS, EMPLOYEES, LINKS, SYNCER_COMMANDS),
    "history": (SETTINGS, IMPORTS, SYNCS, EMPLOYEES, LINKS, PUSHES),
})  # fmt: skip
"""By service: what it reads."""


class Resource(IntEnum):
    """What a rule is about, in Kafka's numbers."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """What a rule allows, in Kafka's numbers; both imply that the resource may be described."""

    READ = 3
    WRITE = 4


class Pattern(IntEnum):
    """How a rule names its resource, in Kafka's numbers."""

    LITERAL = 3
    PREFIXED = 4


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One thing that one service may do."""

    service: str
    operation: Operation
    resource: Resource
    name: str
    pattern: Pattern = Pattern.LITERAL


def rules(prefix: str = "") -> Iterator[Rule]:
    """Every rule; `prefix` stands before each topic and group."""
    for topic in TOPICS:
        for name in topic.names():
            yield Rule(topic.owner, Operation.WRITE, Resource.TOPIC, prefix + name)
    for service, topics in CONSUMES.items():
        for topic in topics:
            for name in topic.names():
                yield Rule(service, Operation.READ, Resource.TOPIC, prefix + name)
        yield Rule(service, Operation.READ, Resource.GROUP, f"{prefix}{service}.", Pattern.PREFIXED)
