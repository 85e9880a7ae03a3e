"""What gateway reads from its environment."""

from shared.settings import ApplicationSettings, ServiceSettings, UrlSettings, VaultSettings


class Settings(ServiceSettings):
    """gateway tests connections, so it needs the vault's key; it reads from the other services."""

    vault: VaultSettings
    urls: UrlSettings = UrlSettings()
    application: ApplicationSettings = ApplicationSettings()
    public_url: str = ""
    """Where browsers reach gateway, if not where they say: the address that Intuit sends them back to begins with it."""
    secure_cookies: bool = False
    """On wherever the console is served over https."""
    session_idle_minutes: int = 30
    session_hours: int = 12
    sign_in_tries: int = 5
    """Wrong passwords for one address within a minute; then it must wait."""
    stream_beat_seconds: float = 15.0
    """Shorter than any proxy waits for an answer that says nothing."""
