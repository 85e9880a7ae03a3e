"""The two systems: claim a due read, fetch page after page, stage each in one transaction.

`sweeping` makes due what hooks may have missed. A record's way: `reading` asks its system for it, `staging` compares,
stores and says it, `finishing` ends the read.
"""

from services.importer.worker.reading import Reader
from services.importer.worker.sweeping import Sweeper

__all__ = ["Reader", "Sweeper"]
