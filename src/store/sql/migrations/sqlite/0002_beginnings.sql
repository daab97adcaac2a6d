-- When a session began, and up to when the sessions of a subject are ended, in milliseconds: logical
-- times, see `Family::begun`. Sessions of an earlier version began before all others.

ALTER TABLE auth_families ADD COLUMN begun INTEGER NOT NULL DEFAULT 0; -- milliseconds
ALTER TABLE auth_revocations ADD COLUMN begun INTEGER; -- milliseconds
