"""How often a directory may be called, by all services together: moments given out by the vault, in small blocks.

Calls are spread evenly instead of saved up, so no window of a second or a minute ever holds more than the limit.
"""

from shared.connectors.limits.budget import Budget, Limits
from shared.connectors.limits.gate import Gate

__all__ = ["Budget", "Gate", "Limits"]
