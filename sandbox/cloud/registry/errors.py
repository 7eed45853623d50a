"""Errors of the registry's own protocol (OCI distribution specification, "Error Codes")."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.cloud.core.wire import json_bytes

STATUS = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 416,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DENIED": 403,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 400,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "PAGINATION_NUMBER_INVALID": 400,
    "SIZE_INVALID": 400,
    "TAG_INVALID": 400,
    "TOOMANYREQUESTS": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED": 405,
}


class RegistryError(Exception):
    """An answer with an error: one of the specification's codes, and what it means here."""

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None, status: int = 0) -> None:
        """`status` replaces the one that goes with the code."""
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.headers = code, message, dict(headers or {})
        self.status = status or STATUS[code]

    @property
    def body(self) -> bytes:
        """The error as clients read it."""
        return json_bytes({"errors": [{"code": self.code, "message": self.message, "detail": {}}]})
