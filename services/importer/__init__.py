"""Owns the staged snapshots of both accounts' records, cursors and read tasks.
Consumes settings.v1, notifications.v1, importer.commands.v1, pushes.v1.
Emits employees.v1 and imports.v1."""
