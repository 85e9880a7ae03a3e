"""The systems that Muster knows: one file each here, one package each in `shared.connectors`, and one entry in `REGISTERED`."""

from importlib import import_module

from shared.domain.capabilities import System
from shared.domain.mapping import RouteMapping, mapping_in_effect
from shared.domain.settings import CompanySettings

REGISTERED = (
    "linarc",
    "quickbooks",
)
"""The ids of the systems, which are the names of their files here."""
SYSTEMS: dict[str, System] = {name: import_module(f"{__name__}.{name}").SYSTEM for name in REGISTERED}
"""By id. An account of a system that is not here is refused by the API."""


def mapping_of(settings: CompanySettings) -> RouteMapping | None:
    """The mapping in effect from the source of truth to the destination; None without an active route."""
    source, destination = settings.source(), settings.destination()
    if source is None or destination is None or settings.route is None:
        return None
    own = settings.route.rules.mapping
    return mapping_in_effect(own, SYSTEMS[source.system], SYSTEMS[destination.system], destination.features)
