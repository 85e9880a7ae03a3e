"""The settings that every service shares; each service's own class adds to them."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseModel):
    """PostgreSQL, as the service's own role."""

    dsn: SecretStr
    pool_size: int = 8
    """Above 8 writers nothing is gained on two cores (performance.md §8.11)."""
    acquire_timeout_seconds: float = 5.0
    command_timeout_seconds: float = 15.0


class KafkaSettings(BaseModel):
    """Apache Kafka."""

    bootstrap: str
    partitions: int = 12
    """Of every topic. Never changed later: keys would move."""
    session_timeout_ms: int = 30_000
    heartbeat_ms: int = 4_000
    static_members: bool = True
    """A restart shorter than the session time-out then moves no partitions."""
    prefix: str = ""
    """Before every topic and group; tests share a broker with it."""


class HttpSettings(BaseModel):
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: int = 8080


class UrlSettings(BaseModel):
    """Internal addresses of the services that answer reads."""

    history: str = ""
    mapper: str = ""
    importer: str = ""
    syncer: str = ""


class VaultSettings(BaseModel):
    """The key that seals credentials: 32 bytes in base64; several with commas, newest first, while it is rotated."""

    key: SecretStr = SecretStr("")
    key_file: Path | None = None
    """A file that holds it instead, as container platforms mount secrets."""

    def listed(self) -> list[str]:
        """Newest first, in base64. Raises ValueError unless exactly one of both is set."""
        text = self.key.get_secret_value()
        if bool(text) == (self.key_file is not None):
            msg = "set MUSTER_VAULT__KEY or MUSTER_VAULT__KEY_FILE, and only one of them"
            raise ValueError(msg)
        if self.key_file is not None:
            text = self.key_file.read_text("ascii")
        return [part.strip() for part in text.split(",")]


class RateSettings(BaseModel):
    """How much one directory takes from all services together; 0 is no limit."""

    requests_per_minute: int = Field(default=0, ge=0)
    requests_per_second: int = Field(default=0, ge=0)
    batches_per_minute: int = Field(default=0, ge=0)
    concurrent: int = Field(default=0, ge=0)
    metered_per_month: int = Field(default=0, ge=0)
    """What people are told that a month allows; nothing is stopped by it."""


class QuickBooksRates(RateSettings):
    """Intuit's limits per company and application (page "API call limits and throttles"); Builder tier."""

    requests_per_minute: int = Field(default=500, ge=0)
    requests_per_second: int = Field(default=10, ge=0)
    batches_per_minute: int = Field(default=40, ge=0)
    concurrent: int = Field(default=10, ge=0)
    metered_per_month: int = Field(default=500_000, ge=0)


class LimitSettings(BaseModel):
    """How hard the two systems may be asked."""

    enforced: bool = True
    """Off only against sandboxes that have no limits."""
    quickbooks: QuickBooksRates = QuickBooksRates()
    linarc: RateSettings = RateSettings()
    """Linarc names none; its 429 is obeyed."""
    share: float = Field(default=0.97, gt=0, le=1)
    """Of each limit; the rest is for calls that arrive closer together than they left."""
    speed: float = Field(default=1.0, gt=0)
    """How much faster the system's clock runs; other than 1 only in tests and rehearsals."""


class ApplicationSettings(BaseModel):
    """Our application at Intuit, as its developer portal shows it; the addresses are those of Intuit's discovery document."""

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    authorise_url: str = "https://appcenter.intuit.com/connect/oauth2"
    token_url: str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105  (an address)
    revoke_url: str = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"


class ServiceSettings(BaseSettings):
    """What each service reads from its environment, prefix `MUSTER_`, groups joined by `__`."""

    model_config = SettingsConfigDict(
        env_prefix="MUSTER_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    internal_token: SecretStr
    instance: int = 0
    """This copy's number; static members are named after it."""
    outbox_days: int = 7
    inbox_days: int = 21
    """Retention: outbox ≤ topic (14 days) < inbox."""
    max_parked_in_row: int = 20
    """More poison than this in a row is a bad deploy, not bad messages: hold instead of parking on."""
