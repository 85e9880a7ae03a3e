"""What importer reads from its environment."""

from pydantic import Field

from shared.settings import AnsweringSettings, EgressSettings, VaultSettings


class Settings(AnsweringSettings):
    """importer reads both systems, so it needs the vault's key."""

    vault: VaultSettings
    egress: EgressSettings = EgressSettings()
    readers: int = 3
    """Accounts read side by side by one process."""
    import_attempts: int = 5
    """Tries of one page before an import that a person waits for is called failed."""
    generation_hours: int = 24
    """A complete read of each account at least this often."""
    sweep_seconds: int = Field(default=300, ge=1)
    """How often each account is asked what has changed, for what webhooks missed; a company may have its own."""
    read_task_days: int = 30
    """So long a read that is over is kept: longer than `inbox_days`, so that no part of an import begins again."""
