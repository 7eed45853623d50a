"""Durable state: documents by kind and identifier in one SQLite file.

Every write is committed before the call that made it is answered, so a killed emulator loses nothing that it
acknowledged. Documents are JSON because each service owns the shape of its own (pydantic models in its `model.py`).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL,
    identifier TEXT NOT NULL,
    region TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, identifier)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_by_region ON documents (kind, region, sequence);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class Store:
    """One SQLite database, shared by the server's thread and the clusters' threads."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; None keeps everything in memory (tests)."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.RLock()
        self._depth = 0
        self.models: dict[str, type[BaseModel]] = {}
        """The model of each kind that a repository was made for: its module tells whose the kind is."""
        self._connection = sqlite3.connect(
            str(path) if path is not None else ":memory:", check_same_thread=False, isolation_level=None, timeout=10
        )
        if path is not None:
            path.chmod(0o600)  # it holds access keys
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Flush and close; no other method may be called after."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all writes inside one unit: all are kept, or (when an exception leaves the block) none."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def define(self, schema: str) -> None:
        """Make a service's own tables, for what is too much for documents; statements must be repeatable."""
        with self._lock:
            self._connection.executescript(schema)

    def execute(self, statement: str, arguments: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on such tables; its rows."""
        with self.transaction():
            return self._connection.execute(statement, tuple(arguments)).fetchall()

    def put(self, kind: str, identifier: str, document: str, region: str = "") -> None:
        """Write a document, new or over the old one; its place in listings stays that of its first write."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO documents (kind, identifier, region, sequence, document) VALUES (?, ?, ?, "
                "(SELECT COALESCE(MAX(sequence), 0) + 1 FROM documents WHERE kind = ?), ?) "
                "ON CONFLICT (kind, identifier) DO UPDATE SET document = excluded.document, region = excluded.region",
                (kind, identifier, region, kind, document),
            )

    def get(self, kind: str, identifier: str) -> str | None:
        """The document, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT document FROM documents WHERE kind = ? AND identifier = ?", (kind, identifier)
            ).fetchone()
        return None if row is None else str(row[0])

    def list(
        self,
        kind: str,
        region: str | None = None,
        identifiers: Collection[str] = (),
        fields: Mapping[str, str] | None = None,
    ) -> list[str]:
        """The documents of a kind, in the order they were first written.

        Args:
            kind: of the documents.
            region: only those of this region.
            identifiers: only those with one of these; all when none is named.
            fields: only those in which these top-level fields have these values. The database compares, since making
                objects of hundreds of documents to keep one costs a hundred times as much.
        """
        query, arguments = "SELECT document FROM documents WHERE kind = ?", [kind]
        if identifiers:
            query += " AND identifier IN (SELECT value FROM json_each(?))"
            arguments.append(json.dumps(list(identifiers)))
        if region is not None:
            # The plus keeps the region's index from being preferred to the identifiers', of which it knows nothing.
            query += " AND +region = ?" if identifiers else " AND region = ?"
            arguments.append(region)
        for name, value in (fields or {}).items():
            query, arguments = query + " AND json_extract(document, ?) = ?", [*arguments, f"$.{name}", value]
        with self._lock:
            return [str(row[0]) for row in self._connection.execute(query + " ORDER BY sequence", arguments)]

    def delete(self, kind: str, identifier: str) -> bool:
        """Remove a document; whether there was one."""
        with self.transaction():
            cursor = self._connection.execute(
                "DELETE FROM documents WHERE kind = ? AND identifier = ?", (kind, identifier)
            )
            return cursor.rowcount > 0

    def counts(self) -> dict[str, int]:
        """How many documents there are of each kind."""
        with self._lock:
            rows = self._connection.execute("SELECT kind, COUNT(*) FROM documents GROUP BY kind ORDER BY kind")
            return {str(kind): int(count) for kind, count in rows}

    def regions(self) -> tuple[str, ...]:
        """The regions that documents are of."""
        query = "SELECT DISTINCT region FROM documents WHERE region != '' ORDER BY region"
        with self._lock:
            return tuple(str(region) for (region,) in self._connection.execute(query))

    def next_number(self, name: str) -> int:
        """1, 2, 3, ...: never the same number twice, also after a restart."""
        with self.transaction():
            row = self._connection.execute(
                "INSERT INTO counters (name, value) VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                (name,),
            ).fetchone()
            return int(row[0])


Model = TypeVar("Model", bound=BaseModel)


class Repository(Generic[Model]):
    """The documents of one kind as objects of their model."""

    def __init__(self, store: Store, kind: str, model: type[Model]) -> None:
        self._store = store
        self._kind = kind
        self._model = model
        store.models[kind] = model

    def put(self, identifier: str, value: Model, region: str = "") -> Model:
        """Keep the object under this identifier."""
        self._store.put(self._kind, identifier, value.model_dump_json(), region)
        return value

    def get(self, identifier: str) -> Model | None:
        """The object, or None."""
        document = self._store.get(self._kind, identifier)
        return None if document is None else self._model.model_validate_json(document)

    def list(self, region: str | None = None, identifiers: Collection[str] = (), **fields: str) -> list[Model]:
        """The objects, oldest first: of a region, with one of these identifiers, whose fields have these values.

        What is not given does not matter; an empty list of identifiers means all, as in the cloud's filters.
        """
        found = self._store.list(self._kind, region, identifiers, fields)
        return [self._model.model_validate_json(document) for document in found]

    def delete(self, identifier: str) -> bool:
        """Remove the object; whether there was one."""
        return self._store.delete(self._kind, identifier)
