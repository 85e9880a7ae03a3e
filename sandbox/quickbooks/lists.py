"""Customers and vendors, who share one name space with employees."""

from __future__ import annotations

from sandbox.quickbooks.employee import list_scope
from sandbox.state import Sandbox, seed

CUSTOMERS = ("Harrowgate Homes", "Millbridge School District", "Quennell & Daughters", "Trestle Row Dental")
VENDORS = ("Plumbline Supply Co", "Ottoline Vassbakk", "Cornerstone Rentals", "Bram Oyelaran-Pike (1099)")
"""A worker can be a vendor as well."""


def seed_lists(sandbox: Sandbox, realm: str) -> None:
    """Some of both, where there are none."""
    for name, people in (("Customer", CUSTOMERS), ("Vendor", VENDORS)):
        scope = list_scope(realm, name)
        if sandbox.store.next_num(scope) == 1:
            seed(sandbox, ((scope, {"DisplayName": shown}) for shown in people))
