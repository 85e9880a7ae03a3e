"""The settings that every service shares; each service's own class adds to them."""

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MUSTER_"
RATES = (
    "requests_per_minute",
    "requests_per_second",
    "batches_per_minute",
    "concurrent",
    "metered_per_month",
)
"""The limits of a system that an installation may set (`capabilities.Rates`)."""
_RATE = re.compile(rf"[a-z][a-z0-9_]*\.({'|'.join(RATES)})=[0-9]{{1,9}}")
_GROUP_ROLE = re.compile(r"(?P<group>[^=]+)=(?P<role>viewer|operator|admin)@(?P<company>[0-9a-fA-F-]{36})")
_HOST = re.compile(r"[a-z][a-z0-9_]*=[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?")


class DatabaseSettings(BaseModel):
    """PostgreSQL, as the service's own role."""

    dsn: SecretStr
    pool_size: int = 8
    """Above 8 writers nothing is gained on two cores (performance.md §8.11)."""
    acquire_timeout_seconds: float = 5.0
    command_timeout_seconds: float = 20.0
    """Longer than the server's own limit, so that it is the one that says that a statement took too long."""


class KafkaSettings(BaseModel):
    """Apache Kafka."""

    bootstrap: str
    username: str = ""
    """The SCRAM user, one a service; empty only where the broker asks for none."""
    password: SecretStr = SecretStr("")
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
    trusted_proxies: str = ""
    """Addresses or networks, with commas, of proxies whose `X-Forwarded-For` says who the client is; nobody else is believed."""
    connections: int = 1_000
    """Open at once; more are closed at once. Each open page of the console has one."""
    header_seconds: float = 10.0
    """For the head of a request to arrive, from the connection on."""
    body_seconds: float = 30.0
    """For its body, of at most a megabyte."""


class OperationsSettings(BaseModel):
    """Where `/livez`, `/readyz` and `/metrics` are: a port of their own, which is never public."""

    host: str = "127.0.0.1"
    port: int = 8081


class UrlSettings(BaseModel):
    """Internal addresses of the services that answer reads."""

    history: str = ""
    mapper: str = ""
    importer: str = ""
    syncer: str = ""


class TokenSettings(BaseModel):
    """What gateway shows each service that answers reads: a token that leaks opens one of them only."""

    history: SecretStr = Field(min_length=1)
    mapper: SecretStr = Field(min_length=1)
    importer: SecretStr = Field(min_length=1)
    syncer: SecretStr = Field(min_length=1)


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


class LimitSettings(BaseModel):
    """How hard the systems may be asked."""

    enforced: bool = True
    """Off only against sandboxes that have no limits."""
    rates: str = ""
    """Other limits than a system's own, such as `quickbooks.requests_per_minute=400,linarc.concurrent=5`; 0 is no limit."""
    share: float = Field(default=0.97, gt=0, le=1)
    """Of each limit; the rest is for calls that arrive closer together than they left."""
    speed: float = Field(default=1.0, gt=0)
    """How much faster the system's clock runs; other than 1 only in tests and rehearsals."""

    @field_validator("rates")
    @classmethod
    def _each_of_a_system(cls, text: str) -> str:
        if any(not _RATE.fullmatch(part) for part in _listed(text)):
            raise ValueError(
                f"write system.limit=number with commas between; the limits are {', '.join(RATES)}"
            )
        return text

    def of(self, system: str) -> dict[str, int]:
        """The limits that are set for one system, by name."""
        pairs = (part.replace(".", "=").split("=") for part in _listed(self.rates))
        return {limit: int(number) for name, limit, number in pairs if name == system}


class ApplicationSettings(BaseModel):
    """Our application at Intuit, as its developer portal shows it; the addresses are those of Intuit's discovery document."""

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    verifier_tokens: SecretStr = SecretStr("")
    """What Intuit signs webhooks with; two with a comma while one replaces the other."""
    authorise_url: str = "https://appcenter.intuit.com/connect/oauth2"
    token_url: str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105  (an address)
    revoke_url: str = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"
    production_url: str = "https://quickbooks.api.intuit.com"
    sandbox_url: str = "https://sandbox-quickbooks.api.intuit.com"

    def verifiers(self) -> list[str]:
        """The verifier tokens."""
        return _listed(self.verifier_tokens.get_secret_value())


class SsoSettings(BaseModel):
    """Single sign-on by OpenID Connect: Muster as the provider has it registered, and who may do what (docs/sign-in.md)."""

    issuer: str = ""
    """The provider's address, as its discovery document names itself; empty: there is no single sign-on."""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    """Empty where Muster is registered as a public client; PKCE is used in any case."""
    name: str = "single sign-on"
    """What the button on the sign-in page calls it."""
    scopes: str = "openid email profile"
    groups_claim: str = "groups"
    """The claim that lists a person's groups, of the ID token or of the provider's user information."""
    roles: str = ""
    """What groups give, such as `Payroll=operator@COMPANY-ID,IT=admin@COMPANY-ID`; the highest role of a company counts."""
    trust_email: bool = False
    """Whether an address is taken as the person's own though the provider does not say `email_verified`."""
    enforced: bool = False
    """Whether passwords open nothing any more, but for `break_glass`."""
    break_glass: str = ""
    """Addresses that may still sign in with a password, for the day that the provider is away."""

    @field_validator("issuer")
    @classmethod
    def _safe(cls, issuer: str) -> str:
        if issuer and not issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("the issuer begins with https://")
        return issuer

    @field_validator("roles")
    @classmethod
    def _each_a_rule(cls, text: str) -> str:
        if any(not _GROUP_ROLE.fullmatch(part) for part in _listed(text)):
            raise ValueError(
                "write group=role@company-id with commas between; roles are viewer, operator, admin"
            )
        return text

    def rules(self) -> list[tuple[str, str, UUID]]:
        """Group, role and company of each rule."""
        found = (_GROUP_ROLE.fullmatch(part) for part in _listed(self.roles))
        return [(m["group"].strip(), m["role"], UUID(m["company"])) for m in found if m]

    def lets_in(self, method: str | None, email: str) -> bool:
        """Whether who signs in, or signed in, this way may: once single sign-on is enforced, a password opens nothing more."""
        return not self.enforced or method != "password" or self.opens_glass(email)

    def opens_glass(self, email: str) -> bool:
        """Whether this address may use its password though single sign-on is enforced."""
        return email.lower() in {one.lower() for one in _listed(self.break_glass)}


class EgressSettings(BaseModel):
    """Where requests with a company's credentials may go, besides the hosts of each system (`capabilities.System.hosts`)."""

    hosts: str = ""
    """More hosts, such as `linarc=linarc.example.com,quickbooks=proxy.example.com:8443`."""
    loopback: bool = False
    """Whether accounts may be on this machine, over http too: for sandboxes only."""

    @field_validator("hosts")
    @classmethod
    def _each_with_its_system(cls, text: str) -> str:
        if any(not _HOST.fullmatch(part) for part in _listed(text)):
            raise ValueError("write system=host, or system=host:port, with commas between")
        return text

    def of(self, system: str) -> frozenset[str]:
        """The hosts that are added for one system."""
        pairs = (part.lower().split("=") for part in _listed(self.hosts))
        return frozenset(host for name, host in pairs if name == system)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


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
    operations: OperationsSettings = OperationsSettings()
    limits: LimitSettings = LimitSettings()
    instance: int = 0
    """This copy's number; static members are named after it."""
    outbox_days: int = 7
    inbox_days: int = 21
    """Retention: outbox ≤ topic (14 days) < inbox."""
    max_dead_letters: int = 20
    """More messages of a topic than this that cannot be handled within five minutes, and more than can, are a bad deploy,
    not bad messages: the topic pauses."""
    dead_letter_key: SecretStr | None = None
    """Seals dead letters: 32 bytes in base64; several with commas, newest first, while it is rotated. Not the vault's
    key, which only services that reach the two systems hold. A service does not start without it; tests of parts may."""

    def dead_letter_keys(self) -> list[str]:
        """Newest first, in base64. Raises ValueError when none is set."""
        if self.dead_letter_key is None:
            msg = f"{PREFIX}DEAD_LETTER_KEY is not set; dead letters are sealed with it"
            raise ValueError(msg)
        return [key.strip() for key in self.dead_letter_key.get_secret_value().split(",")]

    @model_validator(mode="before")
    @classmethod
    def _only_known_variables(cls, given: Any) -> Any:
        """A variable that nothing reads is a mistake that would otherwise go unseen. Raises ValueError."""
        if wrong := unknown_variables(frozenset(variables(cls)), os.environ):
            raise ValueError(wrong)
        return given


class AnsweringSettings(ServiceSettings):
    """Of a service that answers internal reads."""

    internal_token: SecretStr = Field(min_length=1)
    """What gateway shows this service, and no other."""


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
