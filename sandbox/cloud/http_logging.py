"""The HTTP server's own log: what a client did wrong is one line, and only the server's faults have a traceback."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError

CLIENT_FAULTS = (HttpProcessingError, ConnectionError)
"""A request that is not HTTP, which has been answered with 400; a client that has gone."""


class ClientFaults(logging.Filter):
    """Turns records of clients' faults into plain lines of level INFO, which are not shown unless asked for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change such a record; keep the others as they are."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, CLIENT_FAULTS):
            return True
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = "%s: %s", (record.getMessage(), " ".join(str(error).split()))
        return logging.getLogger().isEnabledFor(logging.INFO)


def server_logger() -> logging.Logger:
    """The logger to give to the HTTP server."""
    logger = logging.getLogger("sandbox.cloud.http")
    if not any(isinstance(found, ClientFaults) for found in logger.filters):
        logger.addFilter(ClientFaults())
    return logger
