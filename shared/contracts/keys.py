"""API keys of a company, as the API shows them."""

from datetime import datetime
from uuid import UUID

from shared.contracts.views import View


class KeyView(View):
    """An API key, without its secret."""

    key_id: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    """When it was last used, to the minute."""
    made_by: UUID
    made_by_key: str | None
    good: bool
    """Whether it is taken: not expired, and its maker still an administrator."""


class KeyMade(View):
    """A new API key; `key` is shown only once."""

    key_id: str
    key: str
    role: str
    expires_at: datetime
