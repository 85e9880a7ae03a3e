"""A company's people, as the API shows them to administrators, and one's own sessions."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.contracts.views import View


class MemberView(View):
    """A person of the company."""

    user_id: UUID
    email: str
    name: str
    role: str
    seen_at: datetime | None
    """When they were last here, while the session lasts."""


class MemberList(View):
    """The company's people."""

    items: tuple[MemberView, ...]


class InvitationView(View):
    """A person who is invited."""

    invitation_id: UUID
    email: str
    role: str
    invited_by: str
    created_at: datetime
    expires_at: datetime


class InvitationMade(InvitationView):
    """The same with its link, which is shown once."""

    link: str


class InvitationList(View):
    """Who is invited and has not joined yet."""

    items: tuple[InvitationView, ...]


class InvitationShown(View):
    """What an invitation is to. `has_account`: join with the password that one has already; `yours`: one is signed in with it."""

    company: str
    email: str
    role: str
    has_account: bool
    yours: bool


class Joined(View):
    """The company that one has joined, and the address to sign in with."""

    company_id: UUID
    email: str


class SessionView(View):
    """Where a person is signed in."""

    session_id: UUID
    started_at: datetime
    seen_at: datetime
    address: str
    agent: str
    current: bool


class SessionList(View):
    """A person's sessions, the latest first."""

    items: tuple[SessionView, ...]


class ResetMade(View):
    """A link for a new password, shown once."""

    link: str
    expires_in_hours: int


class InstallationPerson(View):
    """Somebody who works for the whole installation."""

    user_id: UUID
    email: str
    name: str
    role: Literal["operator", "admin"]


class InstallationPeople(View):
    """Everyone with a role in the installation."""

    items: tuple[InstallationPerson, ...]


class InstallationPersonMade(InstallationPerson):
    """The same, with the link by which one who had no account sets a password; it is shown once."""

    link: str | None


class SignInOptions(View):
    """How one may sign in. `sso` is what single sign-on is called here; None where there is none."""

    sso: str | None
    password: bool
    """False: only for those who keep a password for the day that single sign-on is away."""


class FactorState(View):
    """One's second factor: whether there is one, whether there must be, and how many recovery codes are left."""

    enabled: bool
    required: bool
    recovery_codes: int


class FactorBegun(View):
    """A secret for an authenticator, to type or, as `uri`, in a QR code. It is shown only once."""

    secret: str
    uri: str


class RecoveryCodes(View):
    """Codes that stand in for the authenticator, each once. They are shown only once."""

    codes: tuple[str, ...]
