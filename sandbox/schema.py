"""The tables of a sandbox's SQLite file."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS employees(
    scope TEXT NOT NULL, num INTEGER NOT NULL, version INTEGER NOT NULL, active INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    name_key TEXT, number_key TEXT, email_key TEXT, data TEXT NOT NULL, former TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS employees_num ON employees(scope, num);
CREATE UNIQUE INDEX IF NOT EXISTS employees_name ON employees(scope, name_key) WHERE name_key IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS employees_number ON employees(scope, number_key)
    WHERE number_key IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS employees_email ON employees(scope, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS employees_updated ON employees(scope, updated_at, num);
CREATE TABLE IF NOT EXISTS journal(
    n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, scope TEXT NOT NULL, request_id TEXT, item TEXT,
    operation TEXT NOT NULL, remote_id TEXT, outcome TEXT NOT NULL, code TEXT, body TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS journal_unchanged BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE IF NOT EXISTS replays(
    scope TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, status INTEGER NOT NULL,
    headers TEXT NOT NULL, body BLOB NOT NULL, fingerprint TEXT NOT NULL,
    PRIMARY KEY(scope, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens(
    value TEXT PRIMARY KEY, kind TEXT NOT NULL, scope TEXT NOT NULL,
    expires_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removed(
    scope TEXT NOT NULL, num INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(scope, num)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metered(
    scope TEXT NOT NULL, month TEXT NOT NULL, kind TEXT NOT NULL, calls INTEGER NOT NULL,
    PRIMARY KEY(scope, month, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hook_events(
    n INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, target TEXT NOT NULL, scope TEXT NOT NULL,
    remote_id TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, due INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS hook_deliveries(
    n INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, body BLOB NOT NULL, tries INTEGER NOT NULL,
    due INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS logins(
    scope TEXT NOT NULL, num INTEGER NOT NULL, token TEXT, hash TEXT, PRIMARY KEY(scope, num)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
KEEP_JOURNAL = """CREATE TRIGGER IF NOT EXISTS journal_kept BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"""
EMPTY_JOURNAL = "DROP TRIGGER journal_kept"
"""Only a reset may, inside one transaction with `KEEP_JOURNAL`."""
LATER_COLUMNS = (
    ("employees", "former", "TEXT"),
    ("tokens", "born", "INTEGER NOT NULL DEFAULT 0"),
    ("tokens", "bound", "TEXT"),
)
"""Columns that files of earlier versions lack."""
LATER_INDEXES = """CREATE INDEX IF NOT EXISTS employees_former ON employees(scope, former)
    WHERE former IS NOT NULL"""
