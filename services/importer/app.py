"""importer's composition root."""

from services.importer.api import make_routes
from services.importer.handlers import make_router
from services.importer.settings import Settings
from services.importer.store.tasks import READS, Claimed
from services.importer.worker import Reader, Sweeper
from shared.connectors.limits import Limits
from shared.connectors.opening import Connectors
from shared.connectors.vault import Vault
from shared.db.handover import Handover
from shared.http import upkeep
from shared.http.app import Base, Parts, serve
from shared.messaging.upkeep import Upkeep


async def main() -> None:
    """Run importer until it is asked to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        vault = Vault(base.database, settings.vault)
        limits = Limits(base.database, settings.limits, base.clock)
        connectors = Connectors(vault, limits, base.clock, settings.egress)
        handover = Handover[Claimed](base.database.wakeups[READS])
        reader = Reader(base.database, base.outbox, connectors, base.clock, settings, handover)
        keeping = Upkeep(base.database, base.consume, settings)
        return Parts(
            router=make_router(base.consume, base.outbox, base.clock, settings, handover),
            workers=[reader.run, Sweeper(base.database, limits, base.clock, settings).run],
            routes=[
                make_routes(base.database, settings, connectors),
                upkeep.make_routes(settings.internal_token, keeping),
            ],
            on_close=[connectors.close],
        )

    await serve("importer", settings, build)
