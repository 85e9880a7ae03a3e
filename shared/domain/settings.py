"""A company's settings: its accounts, and the route between them."""

from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)

from shared.domain.mapping import FieldMapping
from shared.domain.plans import SafetyLimits
from shared.domain.scope import Condition


class Rules(BaseModel):
    """What a company's administrator decided for its route (S4, S14–S16)."""

    model_config = ConfigDict(frozen=True)

    auto_create: bool = False
    auto_update: bool = False
    auto_sync: bool = False
    create_missing: bool = True
    confirm_matches: bool = False
    direct_sync: int = Field(default=0, ge=0, le=10)
    """So many records may be synced without looking at a plan first."""
    limits: SafetyLimits = SafetyLimits()
    sweep_minutes: int | None = None
    """How often both accounts are asked for changes that no webhook announced; None: as the installation is set."""
    mapping: tuple[FieldMapping, ...] = ()
    """The fields that are fed otherwise than from the field of the same name."""
    same_name: str = ""
    """The display name of a person whose name is taken, such as `{name} ({number})`; empty: a person decides."""
    scope: tuple[Condition, ...] = ()
    """Who takes part: those who fulfil all of these. The others are excluded."""


class Account(BaseModel):
    """A company's directory in one system. The connection is only a credential for it."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    system: str
    """The id of a registered system (`shared.systems`)."""
    environment: str
    tenant_id: str
    name: str = ""
    base_url: str
    connected: bool = True
    features: tuple[str, ...] = ()
    """What the tenant has switched on that changes what may be written: names of the system's `features`."""


class Route(BaseModel):
    """Which account is the source of truth, which the destination, and by what rules."""

    model_config = ConfigDict(frozen=True)

    source: UUID
    destination: UUID
    rules: Rules = Rules()
    active: bool = True


class CompanySettings(BaseModel):
    """A company's whole settings, one versioned document."""

    model_config = ConfigDict(frozen=True)

    company_id: UUID
    version: int
    name: str
    accounts: tuple[Account, ...] = ()
    route: Route | None = None
    written_version: int = 0
    """The version at which what a push writes last changed; 0: not known, so this one."""

    def basis_version(self) -> int:
        """What a decision about a push rests on: it stands while other rules change."""
        return self.written_version or self.version

    def what_is_written(self) -> object:
        """Everything here that a push and what becomes of it depend on."""
        if self.route is None:
            return None
        rules, ends = self.route.rules, (self.route.source, self.route.destination)
        systems = [(a.account_id, a.connected, a.features, a.base_url) for a in self.accounts]
        own = (rules.mapping, rules.create_missing, rules.same_name, rules.scope)
        return self.route.active, ends, own, systems

    def account(self, account: UUID) -> Account | None:
        """The account with this id, if the company has it."""
        for one in self.accounts:
            if one.account_id == account:
                return one
        return None

    def followed(self) -> tuple[Account, ...]:
        """The accounts that are kept read: those of an active route, while they are connected."""
        accounts = (self.source(), self.destination())
        return tuple(account for account in accounts if account is not None and account.connected)

    def source(self) -> Account | None:
        """The account that is the source of truth."""
        return self.account(self.route.source) if self.route and self.route.active else None

    def destination(self) -> Account | None:
        """The account that is kept the same as the source."""
        return self.account(self.route.destination) if self.route and self.route.active else None
