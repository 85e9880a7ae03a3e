"""syncer's SQL: what is known (`facts`, `directories`) and decided (`cases`), and what is done (`pushes`, `calls`, `runs`)."""
