"""syncer's composition root."""

from services.syncer.api import make_routes
from services.syncer.deciding.handover import Claimed
from services.syncer.handlers import make_router
from services.syncer.settings import Settings
from services.syncer.store.push_queue import PUSHES
from services.syncer.worker import Sender
from shared.connectors.limits import Limits
from shared.connectors.opening import Connectors
from shared.connectors.vault import Vault
from shared.db.handover import Handover
from shared.http import upkeep
from shared.http.app import Base, Parts, serve
from shared.messaging.upkeep import Upkeep


async def main() -> None:
    """Run syncer until it is asked to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        vault = Vault(base.database, settings.vault)
        limits = Limits(base.database, settings.limits, base.clock)
        connectors = Connectors(vault, limits, base.clock, settings.egress)
        senders = Handover[Claimed](base.database.wakeups[PUSHES])
        sender = Sender(base.database, base.outbox, connectors, base.clock, settings, senders)
        keeping = Upkeep(base.database, base.consume, settings)
        return Parts(
            router=make_router(base.consume, base.outbox, base.clock, settings, senders),
            workers=[sender.run],
            routes=[
                make_routes(base.database, settings),
                upkeep.make_routes(settings.internal_token, keeping),
            ],
            on_close=[connectors.close],
        )

    await serve("syncer", settings, build)
