"""What syncer created."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.mapper import store
from services.mapper.deciding import Deciding, MatchRequest
from services.mapper.store.links import Created
from shared.contracts.events import Message, PushSucceeded
from shared.db.tx import Tx
from shared.domain.values import Action


def is_creation(body: PushSucceeded) -> bool:
    """Whether a record was created by this push: only then is there anything to link."""
    return body.action is Action.CREATE


def make_on_pushes(deciding: Deciding) -> Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]:
    """The handler of `pushes` that created somebody."""

    async def on_pushes(created: Sequence[Message[Any]], tx: Tx) -> None:
        """Who was created is linked to whom it was created for; a person's link stays, and the created one is a match case."""
        routes = await deciding.routes(tx)
        known = await store.load_facts(tx, {
            r: e.company_id for e in created for r in (e.body.record_id, e.body.destination_record_id)
        })  # fmt: skip
        written = {
            (e.body.record_id, e.body.destination_record_id): e for e in created if e.body.record_id in known
        }
        linked = await store.add_created(tx, [
            Created(
                e.company_id, source, destination, known[source].account_id, e.body.destination_account_id,
                e.body.destination_remote_id,
            )
            for (source, destination), e in written.items()
        ])  # fmt: skip
        moved = await store.sources_naming(
            tx, [(c, destination) for c, _, destination in linked if destination in known]
        )
        requests = [
            MatchRequest(known[source], written[source, destination]) for _, source, destination in linked
        ]
        await deciding.outbox.append(tx, await deciding.match(tx, routes, requests, moved))

    return on_pushes
