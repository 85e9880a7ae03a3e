"""history's composition root."""

from functools import partial

from services.history.api import make_routes
from services.history.handlers import make_router
from services.history.settings import Settings
from services.history.worker import keep_minutes
from shared.http import upkeep
from shared.http.app import Base, Parts, serve
from shared.messaging.upkeep import Upkeep


async def main() -> None:
    """Run history until it is asked to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        keeping = Upkeep(base.database, base.consume, settings)
        return Parts(
            router=make_router(base.consume, base.outbox),
            workers=[partial(keep_minutes, base.database)],
            routes=[
                make_routes(base.database, settings),
                upkeep.make_routes(settings.internal_token, keeping),
            ],
        )

    await serve("history", settings, build)
