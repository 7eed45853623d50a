"""Requests as the cloud's two API styles put them on the wire, and answers in the forms that clients expect."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from sandbox.cloud.core.errors import CloudError


@dataclass(frozen=True)
class Request:
    """An HTTP request, freed of the web framework. Header names are lower-case."""

    method: str
    target: str
    """Path and query as sent."""
    path: str
    """The path, decoded."""
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    host: str

    @property
    def raw_path(self) -> str:
        """The path as sent."""
        return self.target.partition("?")[0]

    @property
    def form(self) -> tuple[tuple[str, str], ...]:
        """The parameters in a form body; empty for other bodies. Raises CloudError when it is not a form."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return ()
        try:
            return tuple(parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=2000))
        except ValueError as error:
            raise CloudError("InvalidParameter", f"The form in the request's body cannot be read: {error}.") from None

    def json_body(self) -> dict[str, Any]:
        """The JSON object in the body; empty when there is no body; a list becomes {"body": [...]}.

        Raises CloudError when the body is neither.
        """
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
            if b"\\u" in self.body:  # which can name half a character, that nothing can be done with
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise CloudError("InvalidParameter", f"The request's body is not JSON: {error}.") from None
        if value is None:
            return {}
        if isinstance(value, list):
            return {"body": value}
        if not isinstance(value, dict):
            raise CloudError("InvalidParameter", "The request's body must be a JSON object or list.")
        return value


@dataclass(frozen=True)
class Response:
    """An HTTP answer, freed of the web framework."""

    status: int
    content_type: str
    body: bytes
    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the answer carries beyond its type and request id."""


def new_request_id() -> str:
    """An identifier of one call, in the cloud's form."""
    return str(uuid.uuid4()).upper()


def rpc_answer(action: str, answer: Mapping[str, Any], request_id: str, *, as_json: bool) -> Response:
    """A successful answer of the RPC style."""
    document = {"RequestId": request_id, **answer}
    if as_json:
        return Response(200, "application/json;charset=utf-8", json_bytes(document), request_id)
    body = f'<?xml version="1.0" encoding="UTF-8" ?>{_element(action + "Response", document)}'
    return Response(200, "text/xml;charset=utf-8", body.encode("utf-8", "replace"), request_id)


def rpc_error(error: CloudError, request_id: str, host: str, *, as_json: bool) -> Response:
    """A failed answer of the RPC style."""
    document = {
        "RequestId": request_id,
        "HostId": host,
        "Code": error.code,
        "Message": error.message,
        "Recommend": "",
    }
    if as_json:
        return Response(error.status, "application/json;charset=utf-8", json_bytes(document), request_id)
    body = f'<?xml version="1.0" encoding="UTF-8" ?>{_element("Error", document)}'
    return Response(error.status, "text/xml;charset=utf-8", body.encode("utf-8", "replace"), request_id)


def roa_answer(answer: Any, request_id: str) -> Response:
    """A successful answer of the ROA style; None is an answer without a body."""
    if answer is None:
        return Response(204, "application/json;charset=utf-8", b"", request_id)
    return Response(200, "application/json;charset=utf-8", json_bytes(answer), request_id)


def roa_refusal(error: CloudError, request_id: str, host: str) -> Response:
    """What the gateway in front of a ROA service answers to a request that it does not let through.

    Its form is that of the RPC style, and the only one from which older SDKs read the code.
    """
    return rpc_error(error, request_id, host, as_json=True)


def roa_error(error: CloudError, request_id: str) -> Response:
    """A failed answer of a ROA service itself."""
    document = {
        "code": error.code,
        "message": error.message,
        "requestId": request_id,
        "status": error.status,
    }
    return Response(error.status, "application/json;charset=utf-8", json_bytes(document), request_id)


def json_bytes(value: Any) -> bytes:
    """Compact JSON; half characters become question marks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, but a parameter that an answer repeats can."""


def _element(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(str(key), item) for key, item in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    if value is None:
        return f"<{name}/>"
    text = NOT_IN_XML.sub("\ufffd", str(value))
    return f"<{name}>{escape(text)}</{name}>"
