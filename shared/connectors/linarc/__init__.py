"""Linarc. It publishes no API, so the contract is ours (docs/linarc-api.md)."""

from shared.connectors.linarc.connector import PAGE, Linarc, open_connector

__all__ = ["PAGE", "Linarc", "open_connector"]
