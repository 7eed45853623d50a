"""The call log: one structured line a call, and the latest calls in memory for the status page. Never a secret."""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from dataclasses import asdict, dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

LATEST_CALLS = 200
LATEST_ERRORS = 50
LOG_BYTES = 20 * 1024 * 1024
"""A log file is turned over at this size; one older file is kept."""


@dataclass(frozen=True)
class CallRecord:
    """One answered call."""

    time: str
    service: str
    action: str
    region: str
    status: int
    code: str
    milliseconds: float
    ignored: tuple[str, ...]
    principal: str
    request_id: str
    message: str = ""
    faults: tuple[str, ...] = ()
    """The fault rules that struck it; a connection that one cut has the status 0."""


class CallLog:
    """Writes each call to the log file (when there is one) and remembers the latest."""

    def __init__(self, path: Path | None) -> None:
        self.latest: deque[CallRecord] = deque(maxlen=LATEST_CALLS)
        self.errors: deque[CallRecord] = deque(maxlen=LATEST_ERRORS)
        self.unknown: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self._logger = logging.Logger("sandbox.cloud.calls", logging.INFO)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
            handler.setFormatter(logging.Formatter("%(message)s"))
            self._logger.addHandler(handler)

    def record(self, call: CallRecord) -> None:
        """Note an answered call."""
        self.latest.append(call)
        name = f"{call.service}.{call.action}"
        for parameter in call.ignored:
            self.ignored[f"{name}.{parameter}"] += 1
        unknown = call.code == "InvalidAction.NotFound"
        if unknown:
            self.unknown[name] += 1
        if call.status >= 400 or call.status == 0:
            self.errors.append(call)
        entry = {"level": "warning" if unknown or call.code == "SandboxFailure" else "info", **asdict(call)}
        self._logger.info(json.dumps({key: value for key, value in entry.items() if value not in ("", (), [])}))

    def event(self, level: str, text: str, **details: object) -> None:
        """Note something that happened outside a call (a cluster came up, a node failed)."""
        self._logger.info(json.dumps({"level": level, "event": text, **details}, default=str))

    def close(self) -> None:
        """Flush and close the file."""
        for handler in list(self._logger.handlers):
            handler.close()
            self._logger.removeHandler(handler)
