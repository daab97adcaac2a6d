-- Times are whole seconds since 1970, where nothing else is said; lists are JSON.

CREATE TABLE auth_migrations (
    version INTEGER NOT NULL PRIMARY KEY,
    run_at INTEGER NOT NULL
) STRICT;

CREATE TABLE auth_accounts (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT,
    roles TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, name)
) STRICT;

CREATE TABLE auth_api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    label TEXT NOT NULL,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX auth_api_keys_owner ON auth_api_keys (issuer, subject);

CREATE TABLE auth_families (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    granted TEXT NOT NULL,
    current_digest BLOB NOT NULL,
    rotated_at INTEGER NOT NULL, -- milliseconds
    expires_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    ended INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_families_owner ON auth_families (issuer, subject);
CREATE INDEX auth_families_end ON auth_families (ends_at);

-- The digest stands for kind, issuer and name, which come from tokens: they may be long, and
-- hold any character.
CREATE TABLE auth_revocations (
    digest BLOB NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL, -- 1 token, 2 session, 3 subject
    issuer BLOB NOT NULL,
    name BLOB NOT NULL,
    cut_off INTEGER,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_revocations_end ON auth_revocations (until);

CREATE TABLE auth_short_lived (
    name BLOB NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    hits INTEGER NOT NULL,
    until INTEGER NOT NULL -- milliseconds
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_short_lived_end ON auth_short_lived (until);
