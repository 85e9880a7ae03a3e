"""Owns status, plans, creations, calls, leases and before-images.
Consumes settings.v1, employees.v1, links.v1, syncer.commands.v1.
Emits pushes.v1 and syncs.v1."""
