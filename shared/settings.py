"""The settings that every service shares; each service's own class adds to them."""

from pydantic import BaseModel, SecretStr
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

    key: SecretStr


class ServiceSettings(BaseSettings):
    """What each service reads from its environment, prefix `MUSTER_`, groups joined by `__`."""

    model_config = SettingsConfigDict(
        env_prefix="MUSTER_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings = HttpSettings()
    internal_token: SecretStr
    instance: int = 0
    """This copy's number; static members are named after it."""
    outbox_days: int = 7
    inbox_days: int = 21
    """Retention: outbox ≤ topic (14 days) < inbox."""
    max_parked_in_row: int = 20
    """More poison than this in a row is a bad deploy, not bad messages: hold instead of parking on."""
