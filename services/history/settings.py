"""What history reads from its environment."""

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """history needs nothing that the others do not have."""
