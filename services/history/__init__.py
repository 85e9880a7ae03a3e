"""Owns the append-only, hash-chained log of every event, and the read models made from it: records, runs, counters.
Consumes settings.v1, imports.v1, syncs.v1, and both lanes of employees, links and pushes.
Emits views.v1."""
