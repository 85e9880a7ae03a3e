-- Attempts to connect an account that a person is allowing at the other system's page; each is used once.
CREATE TABLE authorisations (
    state_hash bytea PRIMARY KEY,
    session_hash bytea NOT NULL,
    company_id uuid NOT NULL,
    account_id uuid,
    environment text NOT NULL,
    redirect_uri text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.protect('authorisations'), muster.open_to_system('authorisations');
