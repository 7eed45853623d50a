"""What stands behind a query's `|`: SQL over the logs that the search before it found.

It is evaluated by SQLite, so what all dialects share works (aggregates, group by, having, order by, limit, case, like);
functions of Presto that SQLite lacks are refused by name. As in the log service, `from log` may be left out, only
fields that are indexed for analysis are columns, and 100 rows come back unless a limit says otherwise.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.sls.errors import invalid
from sandbox.cloud.sls.logs import Found

SECONDS = 2.0
"""How long one statement may take: it runs while nobody else is served."""
STEPS = 10_000
"""SQLite's own steps between two looks at the clock."""
LARGEST_VALUE = 1024 * 1024
"""Bytes of one value that a statement may make."""
DEFAULT_ROWS = 100
RESERVED = {"__time__": "INTEGER", "__topic__": "TEXT", "__source__": "TEXT"}
AFFINITY = {"long": "INTEGER", "double": "REAL"}
TAIL = re.compile(r"\b(where|group\s+by|having|order\s+by|limit)\b", re.IGNORECASE)
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}


@dataclass(frozen=True)
class Analysis:
    """The rows of a statement, and how many logs it looked at."""

    rows: list[dict[str, str]]
    columns: list[str]
    looked_at: int


def split_query(text: str) -> tuple[str, str]:
    """The search and the statement of a query; an empty statement where there is none."""
    quoted = False
    for position, sign in enumerate(text):
        if sign == '"' and text[position - 1 : position] != "\\":
            quoted = not quoted
        elif sign == "|" and not quoted:
            return text[:position].strip(), text[position + 1 :].strip()
    return text, ""


def analyse(statement: str, found: Iterable[Found], index: Mapping[str, Any]) -> Analysis:
    """Evaluate a statement over logs. Raises CloudError when it is wrong, forbidden or takes too long."""
    keys = {name: key for name, key in (index.get("keys") or {}).items() if key.get("doc_value")}
    columns = RESERVED | {name: AFFINITY.get(str(key.get("type")), "TEXT") for name, key in keys.items()}
    with closing(sqlite3.connect(":memory:")) as connection:
        names = ", ".join(f"{_quoted(name)} {kind}" for name, kind in columns.items())
        try:
            connection.execute(f"CREATE TABLE log ({names})")
        except sqlite3.Error as error:  # two names that differ in capitals only
            raise invalid(f"the index's fields cannot be analysed: {error}") from None
        rows = [tuple(one.fields.get(name) for name in columns) for one in found]
        places = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO log VALUES ({places})", rows)  # noqa: S608 (question marks only)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
        connection.create_aggregate("approx_distinct", 1, _Distinct)
        deadline = time.monotonic() + SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        connection.set_authorizer(lambda action, *more: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY)
        try:
            cursor = connection.execute(with_table(statement))
            described = [str(column[0]) for column in cursor.description or ()]
            limit = None if re.search(r"\blimit\b", statement, re.IGNORECASE) else DEFAULT_ROWS
            fetched = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        except (sqlite3.Error, sqlite3.Warning) as error:
            reason = "it took too long" if "interrupted" in str(error) else str(error)
            raise invalid(f"the statement {statement[:200]!r} cannot be evaluated (by SQLite): {reason}") from None
    shown = [{name: _text(value) for name, value in zip(described, row, strict=True)} for row in fetched]
    return Analysis(shown, described, len(rows))


def with_table(statement: str) -> str:
    """The statement with `from log`, which the log service lets one leave out."""
    if re.search(r"\bfrom\b", statement, re.IGNORECASE):
        return statement
    match = TAIL.search(statement)
    place = match.start() if match is not None else len(statement)
    return f"{statement[:place]} FROM log {statement[place:]}"


class _Distinct:
    """Counts different values; exactly, which is one way to be approximate."""

    def __init__(self) -> None:
        self._values: set[Any] = set()

    def step(self, value: Any) -> None:
        """See a value."""
        if value is not None:
            self._values.add(value)

    def finalize(self) -> int:
        """How many different ones there were."""
        return len(self._values)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
