"""importer's SQL: what is to be read (`tasks`), what is staged (`snapshots`), how far each account is known (`directories`)."""
