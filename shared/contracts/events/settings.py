"""`settings.v1`: a company's whole settings."""

from uuid import UUID

from shared.contracts import topics
from shared.contracts.events.messages import Body
from shared.domain.settings import CompanySettings


class SettingsChanged(Body):
    """A company's whole settings; the newest version stands."""

    topic = topics.SETTINGS
    company_id: UUID
    settings: CompanySettings
