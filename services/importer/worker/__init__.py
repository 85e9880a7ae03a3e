"""The two systems: claim a due read, fetch page after page, stage each in one transaction.

A record's way: `reading` asks its system for it, `staging` compares, stores and says it, `finishing` ends the read.
"""

from services.importer.worker.reading import Reader

__all__ = ["Reader"]
