"""What history reads from its environment."""

from shared.settings import AnsweringSettings


class Settings(AnsweringSettings):
    """history needs nothing that the others do not have."""
