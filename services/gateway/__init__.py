"""Owns companies, accounts, routes and rules, users, sessions, API keys, idempotency keys and selections.
Consumes views.v1, live only, for the event stream to pages.
Emits settings.v1, notifications.v1 and the commands of importer, mapper and syncer."""
