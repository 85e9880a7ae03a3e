"""QuickBooks Online, Accounting API v3. Facts: Intuit's Employee, query, batch, change data capture and error-code pages."""

from shared.connectors.quickbooks.connector import QuickBooks, open_connector
from shared.connectors.quickbooks.paging import PAGE
from shared.connectors.quickbooks.wire import literal

__all__ = ["PAGE", "QuickBooks", "literal", "open_connector"]
