-- An import in parts is over when all have ended, also those that have not arrived; of one given up nothing more is said.
ALTER TABLE read_tasks ADD COLUMN parts int NOT NULL DEFAULT 1, ADD COLUMN given_up boolean NOT NULL DEFAULT false;
CREATE INDEX read_tasks_run ON read_tasks (run_id) WHERE run_id IS NOT NULL;
