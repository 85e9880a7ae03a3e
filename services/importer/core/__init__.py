"""What a hint and a freshly read record mean for staging, decided purely."""

from services.importer.core.hints import Heed, Held, heed, heeded
from services.importer.core.staging import Fresh, Snapshot, Staging, fresh_of, removals, shown, stage, takes
from services.importer.core.sweeps import HOOK_TIME, is_short, is_silent, missed, sweep_seconds

__all__ = [
    "HOOK_TIME",
    "Fresh",
    "Heed",
    "Held",
    "Snapshot",
    "Staging",
    "fresh_of",
    "heed",
    "heeded",
    "is_short",
    "is_silent",
    "missed",
    "removals",
    "shown",
    "stage",
    "sweep_seconds",
    "takes",
]
