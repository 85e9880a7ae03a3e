CREATE TABLE users (
    user_id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password_hash text NOT NULL,
    superuser boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.open_to_system('users');

CREATE TABLE sessions (
    session_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.open_to_system('sessions');

CREATE TABLE sign_in_failures (
    email text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_failures_recent ON sign_in_failures (email, at);
SELECT muster.open_to_system('sign_in_failures');

CREATE TABLE companies (
    company_id uuid PRIMARY KEY,
    version int NOT NULL DEFAULT 1,
    name text NOT NULL,
    accounts json NOT NULL DEFAULT '[]',
    route json,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT muster.protect('companies');

CREATE TABLE memberships (
    company_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    PRIMARY KEY (company_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
SELECT muster.protect('memberships'), muster.open_to_system('memberships');

CREATE TABLE api_keys (
    company_id uuid NOT NULL,
    key_id text NOT NULL UNIQUE,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, key_id)
);
SELECT muster.protect('api_keys'), muster.open_to_system('api_keys');

CREATE TABLE idempotency_keys (
    company_id uuid NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    answer json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, key)
);
SELECT muster.protect('idempotency_keys'), muster.open_to_system('idempotency_keys');

CREATE TABLE selections (
    company_id uuid NOT NULL,
    selection_id uuid NOT NULL,
    records json NOT NULL,
    count int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, selection_id)
);
SELECT muster.protect('selections'), muster.open_to_system('selections');

CREATE TABLE commands (
    company_id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    mode text,
    actor text NOT NULL,
    total int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, run_id)
);
SELECT muster.protect('commands');
