"""Muster's five services. Each is a process, `python -m services.<name>`; none imports another."""
