-- Times are whole seconds since 1970, where nothing else is said; lists are JSON.

CREATE TABLE auth_migrations (
    version BIGINT NOT NULL PRIMARY KEY,
    run_at BIGINT NOT NULL
);

CREATE TABLE auth_accounts (
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    password_hash TEXT,
    roles TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, name)
);

CREATE TABLE auth_api_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX auth_api_keys_owner ON auth_api_keys (issuer, subject);

CREATE TABLE auth_families (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    granted TEXT NOT NULL,
    current_digest BYTEA NOT NULL,
    rotated_at BIGINT NOT NULL, -- milliseconds
    expires_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    ended BOOLEAN NOT NULL
);
CREATE INDEX auth_families_owner ON auth_families (issuer, subject);
CREATE INDEX auth_families_end ON auth_families (ends_at);

-- The digest stands for kind, issuer and name, which come from tokens: they may be long, and
-- hold any character.
CREATE TABLE auth_revocations (
    digest BYTEA NOT NULL PRIMARY KEY,
    kind BIGINT NOT NULL, -- 1 token, 2 session, 3 subject
    issuer BYTEA NOT NULL,
    name BYTEA NOT NULL,
    cut_off BIGINT,
    until BIGINT NOT NULL
);
CREATE INDEX auth_revocations_end ON auth_revocations (until);

CREATE TABLE auth_short_lived (
    name BYTEA NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL,
    hits BIGINT NOT NULL,
    until BIGINT NOT NULL -- milliseconds
);
CREATE INDEX auth_short_lived_end ON auth_short_lived (until);
