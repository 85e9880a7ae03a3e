"""How long to wait before something is tried again."""


def backoff_seconds(tries: int, *, first: float, most: float) -> float:
    """The pause after `tries` tries that failed: `first`, then twice as long each time, at most `most` seconds."""
    return min(most, first * 2.0 ** min(max(tries - 1, 0), 32))
