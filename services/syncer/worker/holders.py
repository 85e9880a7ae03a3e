"""Who has a value that the destination refused because only one may have it: looked for after a refusal, to name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from services.syncer.core import Push, values
from services.syncer.store import snapshots
from services.syncer.store.calls import Call
from shared.connectors.ports import Connector, Written
from shared.db.tx import Database
from shared.domain.display_names import default_name
from shared.domain.values import Holder
from shared.errors import MusterError

REFUSED = {"duplicate_name": "display_name", "duplicate_number": "number", "duplicate_email": "email"}
MOST = 10
"""Refusals of one call whose holders are looked for."""


class Directory(NamedTuple):
    """Where to look: what is known of the account's records, and the system itself."""

    database: Database
    connector: Connector
    call: Call

    async def holder(self, field: str, value: str) -> Holder | None:
        """The one who has this value. The name of a customer or vendor goes no further: it is the one that was refused."""
        own = [value, f"{value} (deleted)"] if field == "display_name" else [value]
        async with self.database.transaction([self.call.company_id]) as tx:
            known = await snapshots.find_holder(tx, self.call.company_id, self.call.account_id, field, own)
        if known is None:
            found = next(iter(await self.connector.find_holders(field, value)), None)
            return found.model_copy(update={"name": ""}) if found and found.kind != "employee" else found
        remote_id, person = known
        name = person.full_name()
        return Holder(
            kind="employee", remote_id=remote_id, name=name, number=person.number, active=person.active
        )

    async def free(self, name: str, number: str | None) -> str | None:
        """A display name near to this one that nobody has."""
        for candidate in ([f"{name} ({number})"] if number else []) + [f"{name} {n}" for n in (2, 3)]:
            if await self.holder("display_name", candidate) is None:
                return candidate
        return None


async def find_holders(
    directory: Directory, pushes: Mapping[str, Push], written: Sequence[Written]
) -> dict[UUID, Holder]:
    """By push. What cannot be asked for now stays unnamed."""
    found: dict[UUID, Holder] = {}
    refused = {w.push_id: REFUSED[w.error.reason] for w in written if w.error and w.error.reason in REFUSED}
    for push_id, field in list(refused.items())[:MOST]:
        push = pushes.get(push_id)
        value = _value(push, field) if push else None
        if push is None or value is None:
            continue
        try:
            holder = await directory.holder(field, value)
            if holder is not None and field == "display_name":
                free = await directory.free(value, values(push).get("number"))
                holder = holder.model_copy(update={"free": free})
        except MusterError:
            return found
        if holder is not None:
            found[push.push_id] = holder
    return found


def _value(push: Push, field: str) -> str | None:
    """What this push wanted to have."""
    written = values(push)
    value = written.get(field) or (default_name(written) if field == "display_name" else None)
    return str(value) if value else None
