"""syncer's composition root."""

from services.syncer.api import make_routes
from services.syncer.handlers import make_router
from services.syncer.settings import Settings
from services.syncer.worker import Sender
from shared.connectors.client import Connectors
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.http.app import Base, Parts, serve


async def main() -> None:
    """Run syncer until it is told to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        vault = Vault(base.database, settings.vault)
        limits = Limits(base.database, settings.limits, base.clock)
        connectors = Connectors(vault, limits, base.clock)
        sender = Sender(base.database, base.outbox, connectors, base.clock, settings)
        return Parts(
            router=make_router(base.consume, base.outbox, base.clock, settings),
            workers=[sender.run],
            routes=[make_routes(base.database, settings)],
            on_close=[connectors.close],
        )

    await serve("syncer", settings, build)
