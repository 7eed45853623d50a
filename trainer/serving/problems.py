"""Errors as a client sees them: RFC 9457 problem details, one line of reason, never a traceback."""

from __future__ import annotations

import http
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic import ValidationError

CONTENT_TYPE = "application/problem+json"
SHOWN_CHARACTERS = 60
SHOWN_ERRORS = 10


class ProblemError(Exception):
    """An answer other than 200. `detail` says what was wrong, the limit and the way out."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after_seconds: int | None = None,
        errors: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.errors = errors

    def response(self) -> web.Response:
        """The answer."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        headers = {} if self.retry_after_seconds is None else {"Retry-After": str(self.retry_after_seconds)}
        text = json.dumps(body, ensure_ascii=False)
        return web.Response(status=self.status, text=text, content_type=CONTENT_TYPE, headers=headers)


def invalid(error: ValidationError) -> ProblemError:
    """422 with each wrong field, what was given and why it is refused."""
    found = error.errors(include_url=False, include_context=False)
    errors = [
        {
            "field": ".".join(map(str, entry["loc"])) or "body",
            "reason": entry["msg"],
            "given": _shortened(entry["input"]),
        }
        for entry in found[:SHOWN_ERRORS]
    ]
    first = errors[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ProblemError(422, f"{first['field']}: {first['reason']}{more}", errors=errors)


def _shortened(value: Any) -> str:
    text = repr(value)
    safe = text.encode("utf-8", "backslashreplace").decode()
    return safe if len(safe) <= SHOWN_CHARACTERS else f"{safe[:SHOWN_CHARACTERS]}..."
