"""A message: its body, and what travels outside of it."""

import re
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.topics import Topic
from shared.domain.values import Lane

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


@cache
def _wire_type(name: str) -> str:
    return _WORD.sub(".", name).lower()


class Body(BaseModel):
    """What a message says. Subclasses that name a `topic` are the messages of that topic."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[Topic]

    @classmethod
    def wire_type(cls) -> str:
        """`EmployeeChanged` → `employee.changed`."""
        return _wire_type(cls.__name__)

    def raw(self) -> bytes:
        """As it travels: JSON of what was set."""
        return self.__pydantic_serializer__.to_json(self, exclude_unset=True)

    def key(self) -> UUID:
        """The id that decides the partition: what must stay in order shares it."""
        for name in ("record_id", "run_id", "company_id"):
            if isinstance(value := getattr(self, name, None), UUID):
                return value
        msg = f"{type(self).__name__} has no key"
        raise TypeError(msg)


B_co = TypeVar("B_co", bound=Body, covariant=True)


class Message(NamedTuple, Generic[B_co]):
    """One message as it was read: the body, and what travels in the headers."""

    id: UUID
    time: datetime
    company_id: UUID
    lane: Lane
    body: B_co
    run_id: UUID | None = None
    causation_id: UUID | None = None
    actor: str | None = None
    traceparent: str | None = None
    raw: bytes = b""
    dead_lettered: bool = False
    """It shows as a dead letter: what that publishes is not what handling it again will publish, and has other ids."""


def bodies(cls: type[Body] = Body) -> dict[str, type[Body]]:
    """Every body that has a topic, by wire type."""
    found: dict[str, Any] = {}
    for sub in cls.__subclasses__():
        if hasattr(sub, "topic"):
            found[sub.wire_type()] = sub
        found |= bodies(sub)
    return found
