"""What gateway reads from its environment."""

from shared.settings import (
    ApplicationSettings,
    EgressSettings,
    ServiceSettings,
    SsoSettings,
    TokenSettings,
    UrlSettings,
    VaultSettings,
)


class Settings(ServiceSettings):
    """gateway tests connections, so it needs the vault's key; it reads from the other services."""

    vault: VaultSettings
    egress: EgressSettings = EgressSettings()
    urls: UrlSettings = UrlSettings()
    internal_tokens: TokenSettings
    application: ApplicationSettings = ApplicationSettings()
    sso: SsoSettings = SsoSettings()
    second_factor: bool = False
    """Whether everyone who signs in with a password must have a second factor; each may have one in any case."""
    public_url: str = ""
    """Where browsers reach gateway, and Intuit sends them back to. Where it is https, cookies are sent over https only."""
    session_idle_minutes: int = 30
    session_hours: int = 12
    sign_in_tries: int = 5
    """Wrong passwords for one address from one client before it must wait: 30 s, doubled each time, 15 minutes at most."""
    client_tries: int = 50
    """The same for all addresses that one client tries, and for API keys that do not exist: offices share an address."""
    key_days: int = 90
    """How long an API key lasts unless its maker says otherwise."""
    key_days_most: int = 365
    invitation_days: int = 7
    """How long an invitation to a company is good."""
    reset_hours: int = 24
    """How long a link for a new password is good."""
    hide_from_operators: bool = False
    """Operators do not see birth dates, pay and home addresses either; viewers never do."""
    stream_beat_seconds: float = 15.0
    """Shorter than any proxy waits for an answer that says nothing."""
    stream_check_seconds: float = 1.0
    """A stream ends so long after its session or key at most, where another copy of gateway ended that."""

    @property
    def https(self) -> bool:
        """Whether browsers reach gateway over https; no header decides it, as anyone can send one."""
        return self.public_url.startswith("https://")
