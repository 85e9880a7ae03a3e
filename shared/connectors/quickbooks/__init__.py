"""QuickBooks Online, Accounting API v3. Facts: Intuit's Employee, query, batch, change data capture and error-code pages."""

from shared.connectors.quickbooks.connector import PAGE, QuickBooks
from shared.connectors.quickbooks.wire import literal

__all__ = ["PAGE", "QuickBooks", "literal"]
