"""mapper's composition root."""

from services.mapper.api import make_routes
from services.mapper.handlers import Deciding, make_router
from services.mapper.settings import Settings
from services.mapper.worker import Sweeper
from shared.http.app import Base, Parts, serve


async def main() -> None:
    """Run mapper until it is told to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        deciding = Deciding(base.outbox, settings.kafka.partitions)
        sweeper = Sweeper(base.database, deciding, settings)
        return Parts(
            router=make_router(base.consume, deciding, base.clock, settings),
            workers=[sweeper.run],
            routes=[make_routes(base.database, settings)],
        )

    await serve("mapper", settings, build)
