-- A parked message holds personal data: its key, headers and body are sealed. No release stored them open.
ALTER TABLE dead_letter DROP COLUMN key, DROP COLUMN headers, DROP COLUMN body;
ALTER TABLE dead_letter ADD COLUMN key_id text NOT NULL DEFAULT '', ADD COLUMN sealed bytea NOT NULL DEFAULT '';
ALTER TABLE dead_letter ALTER COLUMN key_id DROP DEFAULT, ALTER COLUMN sealed DROP DEFAULT;
