"""mapper's composition root."""

from services.mapper.api import make_routes
from services.mapper.deciding import Deciding
from services.mapper.handlers import make_router
from services.mapper.settings import Settings
from services.mapper.worker import Sweeper
from shared.http import upkeep
from shared.http.app import Base, Parts, serve
from shared.messaging.upkeep import Upkeep


async def main() -> None:
    """Run mapper until it is asked to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        deciding = Deciding(base.outbox, settings.kafka.partitions)
        sweeper = Sweeper(base.database, deciding, settings)
        keeping = Upkeep(base.database, base.consume, settings)
        return Parts(
            router=make_router(base.consume, deciding, base.clock, settings),
            workers=[sweeper.run],
            routes=[
                make_routes(base.database, settings),
                upkeep.make_routes(settings.internal_token, keeping),
            ],
        )

    await serve("mapper", settings, build)
