-- A person's "create new" opens one more creation, if it was asked for after the last one had succeeded.
ALTER TABLE subjects ADD COLUMN create_asked_at timestamptz;
ALTER TABLE creations ADD COLUMN finished_at timestamptz;
UPDATE creations SET finished_at = now() WHERE remote_id IS NOT NULL;
