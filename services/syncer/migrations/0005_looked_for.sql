-- Whether a call is repeated or looked for: when it was last sent, and whether it was given up before.
ALTER TABLE calls ADD COLUMN resumed boolean NOT NULL DEFAULT false, ADD COLUMN sent_at timestamptz;
UPDATE calls SET sent_at = least(due_at, now());
ALTER TABLE calls ALTER COLUMN sent_at SET DEFAULT now(), ALTER COLUMN sent_at SET NOT NULL;
