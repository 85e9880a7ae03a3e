"""What mapper reads from its environment."""

from shared.settings import AnsweringSettings


class Settings(AnsweringSettings):
    """mapper calls no remote system, so it needs little."""

    chunk: int = 500
    """Due records decided in one transaction: about half a second under the company's lock."""
