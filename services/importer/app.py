"""importer's composition root."""

from services.importer.api import make_routes
from services.importer.handlers import make_router
from services.importer.settings import Settings
from services.importer.worker import Reader
from shared.connectors.client import Connectors
from shared.connectors.limits import Limits
from shared.connectors.vault import Vault
from shared.http.app import Base, Parts, serve


async def main() -> None:
    """Run importer until it is told to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        vault = Vault(base.database, settings.vault)
        limits = Limits(base.database, settings.limits, base.clock)
        connectors = Connectors(vault, limits, base.clock)
        reader = Reader(base.database, base.outbox, connectors, base.clock, settings)
        return Parts(
            router=make_router(base.consume, base.outbox, base.clock, settings),
            workers=[reader.run],
            routes=[make_routes(base.database, settings)],
            on_close=[connectors.close],
        )

    await serve("importer", settings, build)
