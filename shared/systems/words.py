"""How a company's two sides are called, and reasons in words with those names."""

from dataclasses import dataclass

from shared.domain import reasons
from shared.domain.settings import CompanySettings
from shared.systems import SYSTEMS


@dataclass(frozen=True, slots=True)
class Names:
    """How the two sides are called."""

    source: str = "the source"
    destination: str = "the destination"


def names(settings: CompanySettings | None) -> Names:
    """The systems of the company's route."""
    route = settings.route if settings else None
    if settings is None or route is None:
        return Names()
    source, destination = settings.account(route.source), settings.account(route.destination)
    unnamed = Names()
    return Names(
        SYSTEMS[source.system].label if source else unnamed.source,
        SYSTEMS[destination.system].label if destination else unnamed.destination,
    )


def reason_words(reason: str, field: str | None, called: Names) -> tuple[str, str]:
    """Why, and what to do about it, as sentences."""
    return reasons.reason_words(reason, field, called.source, called.destination)
