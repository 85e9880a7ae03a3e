"""What the public API shows of notices: what people are told, and how it reached them."""

from datetime import datetime
from uuid import UUID

from shared.contracts.views import View


class NoticeKind(View):
    """Something that people may be told of, and when they are."""

    kind: str
    title: str
    when: str


class MyNotices(View):
    """What one is told of a company by e-mail, and when: quiet hours and digests hold for all of one's companies.

    `digest_minutes`: so long lie between two mails; 0 is at once. `chosen` is false while one has saved nothing.
    """

    kinds: tuple[str, ...]
    quiet_from: str | None
    quiet_until: str | None
    time_zone: str
    digest_minutes: int
    chosen: bool


class NoticesView(View):
    """Every kind of notice, and what one has chosen; null for an API key. `mail`: whether this Muster can send e-mail."""

    kinds: tuple[NoticeKind, ...]
    mine: MyNotices | None
    email: str
    mail: bool


class ChannelView(View):
    """Where a company's notices are posted to, besides people's mail. Its address may be a secret: only the host is shown."""

    channel_id: UUID
    shape: str
    name: str
    host: str
    kinds: tuple[str, ...]
    active: bool
    created_by: str
    created_at: datetime


class NewChannelView(ChannelView):
    """A channel with the secret that signs what is posted to a webhook, shown this once; empty for Slack and Teams."""

    secret: str


class ChannelList(View):
    """A company's channels."""

    items: tuple[ChannelView, ...]


class NoticeMessageView(View):
    """One message: what it said, and how the last try to send it ended: an SMTP or HTTP code, or why there is none."""

    message_id: UUID
    titles: tuple[str, ...]
    state: str
    tries: int
    answer: str
    created_at: datetime
    ended_at: datetime | None
    next_try_at: datetime | None


class NoticeMessageList(View):
    """The last messages, newest first. They are kept for 30 days."""

    items: tuple[NoticeMessageView, ...]
