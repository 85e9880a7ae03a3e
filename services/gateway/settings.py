"""What gateway reads from its environment."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from shared.settings import (
    ApplicationSettings,
    EgressSettings,
    ServiceSettings,
    SsoSettings,
    TokenSettings,
    UrlSettings,
    VaultSettings,
)


class MailSettings(BaseModel):
    """The server that sends notices by e-mail (SMTP); without a host nothing is sent by e-mail."""

    host: str = ""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls` from the first byte on (port 465); `none` only where the server is on this host or network."""
    ca_file: Path | None = None
    """Certificates of its authority, where the machine's own do not hold them."""
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    """A file that holds it instead, as container platforms mount secrets."""
    sender: str = ""
    """The address that mails come from, such as `Muster <muster@example.com>`."""
    timeout_seconds: float = 10.0
    """For each of the server's answers."""

    @model_validator(mode="after")
    def _from_somebody(self) -> Self:
        if self.host and "@" not in self.sender:
            raise ValueError("set MUSTER_MAIL__SENDER to the address that mails come from")
        return self

    def secret(self) -> str:
        """The password of `user`."""
        if self.password_file is not None:
            return self.password_file.read_text("utf-8").strip()
        return self.password.get_secret_value()


class NoticeSettings(BaseModel):
    """How notices are made."""

    look_seconds: float = Field(default=60.0, gt=0)
    patience_seconds: float = 120.0
    """So long something that may pass by itself must stand before people are told."""
    settle_seconds: float = 300.0
    """So long it must be over before they are told that."""
    freshness_minutes: float = 15.0
    """A directory that was not looked at for longer, and for three of its sweeps, misses the objective."""


class Settings(ServiceSettings):
    """gateway tests connections, so it needs the vault's key; it reads from the other services."""

    vault: VaultSettings
    egress: EgressSettings = EgressSettings()
    urls: UrlSettings = UrlSettings()
    internal_tokens: TokenSettings
    application: ApplicationSettings = ApplicationSettings()
    sso: SsoSettings = SsoSettings()
    mail: MailSettings = MailSettings()
    notices: NoticeSettings = NoticeSettings()
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
    def console_url(self) -> str:
        """Where people open the console, for links in what is sent to them."""
        return self.public_url or f"http://{self.http.host}:{self.http.port}"

    @property
    def https(self) -> bool:
        """Whether browsers reach gateway over https; no header decides it, as anyone can send one."""
        return self.public_url.startswith("https://")
