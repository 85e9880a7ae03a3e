"""What the public API shows of an account's webhooks."""

from datetime import datetime

from shared.contracts.views import View


class WebhookView(View):
    """Where a system sends an account's changes, and whether they arrive.

    `secret_from` is `installation` where the system's developer portal gives one secret for all accounts: then it is a
    setting of this Muster. `last_received_at` looks back as far as receipts are kept, seven days.
    """

    address: str
    secret_from: str
    has_secret: bool
    secret_made_at: datetime | None
    last_received_at: datetime | None


class WebhookSecret(View):
    """A new secret, shown only once. The one before is accepted until `previous_until`."""

    address: str
    secret: str
    previous_until: datetime | None


class WebhookTest(View):
    """What became of a signed delivery to the account's own address, which names no employee."""

    delivered: bool
    status: int | None
    milliseconds: int
    detail: str
