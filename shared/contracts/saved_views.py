"""What the public API shows of a person's saved views."""

from typing import Literal
from uuid import UUID

from shared.contracts.views import View
from shared.domain.values import Status

Density = Literal["comfortable", "compact"]
Column = Literal["number", "reason", "synced_at"]


class SavedView(View):
    """A filter, an order and a look under a name; `hidden` names the columns that are not shown."""

    view_id: UUID
    name: str
    status: tuple[Status, ...]
    q: str
    sort: str
    density: Density
    hidden: tuple[Column, ...]
