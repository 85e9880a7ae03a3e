"""What syncer reads from its environment."""

from shared.settings import AnsweringSettings, EgressSettings, VaultSettings


class Settings(AnsweringSettings):
    """syncer writes to the destination, so it needs the vault's key."""

    vault: VaultSettings
    egress: EgressSettings = EgressSettings()
    senders: int = 4
    """Calls on their way at once from one process."""
    send_attempts: int = 5
    """Tries of one call before its records show Failed."""
    retry_attempts: int = 16
    """Tries in all of a push that fails of a transient error: the pauses, up to ten minutes each, make more than an hour."""
    push_days: int = 90
    """So long plans, pushes and calls that are over are kept; of each record the last push that was sent stays."""
    retry_seconds: float = 1.0
    """First pause after a call that failed; it doubles."""
