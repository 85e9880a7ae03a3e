"""What syncer reads from its environment."""

from shared.settings import ServiceSettings, VaultSettings


class Settings(ServiceSettings):
    """syncer writes to the destination, so it needs the vault's key."""

    vault: VaultSettings
    senders: int = 4
    """Calls on their way at once from one process."""
    send_attempts: int = 5
    """Tries of one call before its records show Failed."""
    retry_seconds: float = 1.0
    """First pause after a call that failed; it doubles."""
