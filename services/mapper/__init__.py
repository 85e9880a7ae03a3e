"""Owns links, candidates, cases and people's decisions about who is who.
Consumes settings.v1, employees.v1 (both lanes), pushes.v1 (both lanes), mapper.commands.v1.
Emits links.v1 (both lanes)."""
