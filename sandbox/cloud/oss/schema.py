"""The tables of object storage. Times are milliseconds since 1970; keys compare by their UTF-8 bytes, as in OSS."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    region TEXT NOT NULL,
    created INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    redundancy TEXT NOT NULL,
    acl TEXT NOT NULL,
    versioning TEXT NOT NULL DEFAULT '',
    resource_group TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS configurations (
    bucket INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (bucket, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL REFERENCES buckets(id),
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    latest INTEGER NOT NULL,
    marker INTEGER NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    crc64 TEXT NOT NULL,
    modified INTEGER NOT NULL,
    noncurrent_since INTEGER,
    storage_class TEXT NOT NULL,
    acl TEXT NOT NULL,
    headers TEXT NOT NULL,
    tags TEXT NOT NULL,
    segments TEXT NOT NULL,
    symlink TEXT NOT NULL DEFAULT '',
    restored_until INTEGER NOT NULL DEFAULT 0,
    next_position INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS versions_of_key ON versions (bucket, key, version);
CREATE INDEX IF NOT EXISTS versions_in_order ON versions (bucket, key, id DESC);
CREATE UNIQUE INDEX IF NOT EXISTS latest_versions ON versions (bucket, key) WHERE latest = 1;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL REFERENCES buckets(id),
    key TEXT NOT NULL,
    initiated INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    acl TEXT NOT NULL,
    headers TEXT NOT NULL,
    tags TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_of_bucket ON uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL REFERENCES uploads(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    crc64 TEXT NOT NULL,
    modified INTEGER NOT NULL,
    segments TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replication_starts (
    bucket INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    created INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (bucket, rule)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replication_tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    removal INTEGER NOT NULL,
    happened INTEGER NOT NULL,
    historical INTEGER NOT NULL,
    retry_at INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS replication_tasks_of_rule ON replication_tasks (bucket, rule);
CREATE TABLE IF NOT EXISTS access_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    line TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS access_log_by_time ON access_log (at);
"""
