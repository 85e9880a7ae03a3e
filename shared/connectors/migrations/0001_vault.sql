-- Sealed credentials and the health of each connection. Only shared/connectors/vault.py reads or writes here.
CREATE TABLE credentials (
    company_id uuid NOT NULL,
    account_id uuid NOT NULL,
    system text NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz,
    state text NOT NULL DEFAULT 'connected' CHECK (state IN ('connected', 'reconnect', 'disconnected')),
    problem text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, account_id)
);
SELECT muster.protect('credentials', 'gateway', 'importer', 'syncer');
