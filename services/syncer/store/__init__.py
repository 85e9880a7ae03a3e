"""syncer's SQL: what is known (`snapshots`, `directories`), decided (`record_states`), done (`push_queue`, `calls`, `runs`)."""
