"""The groups of commands of `muster`, and what they do."""
