"""What importer reads from its environment."""

from shared.settings import ServiceSettings, VaultSettings


class Settings(ServiceSettings):
    """importer reads both systems, so it needs the vault's key."""

    vault: VaultSettings
    readers: int = 3
    """Accounts read side by side by one process."""
    import_attempts: int = 5
    """Tries of one page before an import that a person waits for is called failed."""
    generation_hours: int = 24
    """A complete read of each account at least this often."""
