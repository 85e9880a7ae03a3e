"""syncer's SQL: `facts` (what is known and decided of each record), `work` (pushes, calls, runs)."""
