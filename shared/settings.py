"""The settings that every service shares; each service's own class adds to them."""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MUSTER_"


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


class LinarcRates(RateSettings):
    """What our contract for Linarc says, for each company."""

    requests_per_minute: int = Field(default=600, ge=0)
    requests_per_second: int = Field(default=20, ge=0)
    concurrent: int = Field(default=10, ge=0)


class LimitSettings(BaseModel):
    """How hard the two systems may be asked."""

    enforced: bool = True
    """Off only against sandboxes that have no limits."""
    quickbooks: QuickBooksRates = QuickBooksRates()
    linarc: LinarcRates = LinarcRates()
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
    production_url: str = "https://quickbooks.api.intuit.com"
    sandbox_url: str = "https://sandbox-quickbooks.api.intuit.com"


class ServiceSettings(BaseSettings):
    """What each service reads from its environment, prefix `MUSTER_`, groups joined by `__`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
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
    dead_letter_key: SecretStr | None = None
    """Seals parked messages: 32 bytes in base64; several with commas, newest first, while it is rotated. Not the vault's
    key, which only services that reach the two systems hold. A service does not start without it; tests of parts may."""

    def dead_letter_keys(self) -> list[str]:
        """Newest first, in base64. Raises ValueError when none is set."""
        if self.dead_letter_key is None:
            msg = f"{PREFIX}DEAD_LETTER_KEY is not set; parked messages are sealed with it"
            raise ValueError(msg)
        return [key.strip() for key in self.dead_letter_key.get_secret_value().split(",")]

    @model_validator(mode="before")
    @classmethod
    def _only_known_variables(cls, given: Any) -> Any:
        """A variable that nothing reads is a mistake that would otherwise go unseen. Raises ValueError."""
        if wrong := unknown_variables(frozenset(variables(cls)), os.environ):
            raise ValueError(wrong)
        return given


def variables(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    """Every environment variable that a settings class reads."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from variables(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper()


def unknown_variables(known: frozenset[str], names: Iterable[str]) -> str:
    """What is wrong with those of `names` that carry our prefix, each with the nearest right one; empty if nothing is."""
    return "; ".join(
        f"{name} is read by nothing here; the nearest that is: "
        f"{get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.0)[0]}"
        for name in sorted(set(names))
        if name.upper().startswith(PREFIX) and name.upper() not in known
    )
