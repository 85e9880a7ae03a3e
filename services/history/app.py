"""history's composition root."""

from services.history.api import make_routes
from services.history.handlers import make_router
from services.history.settings import Settings
from shared.http.app import Base, Parts, serve


async def main() -> None:
    """Run history until it is told to stop."""
    settings = Settings()

    def build(base: Base) -> Parts:
        return Parts(
            router=make_router(base.consume, base.outbox),
            routes=[make_routes(base.database, settings)],
        )

    await serve("history", settings, build)
