-- Whether a call is repeated or looked for: when it was last sent, and whether it was given up before.
ALTER TABLE calls ADD COLUMN sent_at timestamptz NOT NULL DEFAULT now(), ADD COLUMN resumed boolean NOT NULL DEFAULT false;
