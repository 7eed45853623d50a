"""The log service's own protocol: its two signatures, its project in the host name, and its form of errors.

Version 1 (`Authorization: LOG KEY:SIGNATURE`): https://help.aliyun.com/zh/sls/developer-reference/request-signatures,
version 4 (`SLS4-HMAC-SHA256`) as the official SDKs write it. Older SDKs add `x-log-date` after they have signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.signatures import as_sent, percent_encode
from sandbox.cloud.core.wire import Request, Response, json_bytes

VERSION_1 = re.compile(r"LOG +([^:]+):(\S+)")
VERSION_4 = re.compile(
    r"SLS4-HMAC-SHA256 +Credential=([^/,]+)/(\d{8})/([^/,]+)/sls/aliyun_v4_request,\s*Signature=(\w+)"
)
HOST = re.compile(r"(?:(?P<project>[a-z0-9-]+)\.)?[a-z0-9-]+\.(?:log|sls)\.aliyuncs\.com")
ADDRESS = re.compile(r"(?:(?P<project>[a-z0-9-]+)\.)?\d+\.\d+\.\d+\.\d+")
HEADERS = ("x-log-compresstype", "x-log-bodyrawsize", "accept-encoding", "accept")
"""Headers that actions read beside their parameters."""
ERROR_CODES = {
    "IncompleteSignature": ("InvalidSignature", 400),
    "InvalidAccessKeyId.Inactive": ("Unauthorized", 401),
    "InvalidAccessKeyId.NotFound": ("Unauthorized", 401),
    "InvalidAction.NotFound": ("InvalidAction.NotFound", 404),
    "InvalidContentMD5": ("PostBodyInvalid", 400),
    "InvalidSecurityToken.MismatchWithAccessKey": ("SecurityTokenInvalid", 401),
    "InvalidTimeStamp.Expired": ("RequestTimeTooSkewed", 400),
    "InvalidTimeStamp.Format": ("InvalidDateFormat", 400),
    "MissingAccessKeyId": ("MissAccessKeyId", 400),
    "MissingSecurityToken": ("MissingSecurityToken", 401),
    "NoPermission": ("Unauthorized", 401),
    "SignatureDoesNotMatch": ("SignatureNotMatch", 401),
    "Throttling.User": ("ReadQuotaExceed", 403),
}
"""The common codes as the log service calls them, with its status."""


@dataclass(frozen=True)
class LogAnswer:
    """An answer with headers of its own. `content` is a JSON value, or the body itself as bytes."""

    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def is_log_request(request: Request) -> bool:
    """Whether a request is of the log service's style."""
    return is_log_call(request.headers, request.host)


def is_log_call(headers: Mapping[str, str], host: str) -> bool:
    """Whether these headers (names in any case, as the mapping finds them) and host are the log service's."""
    authorization = headers.get("authorization", "")
    if authorization.startswith(("LOG ", "SLS4-")) or "x-log-apiversion" in headers:
        return True
    return host.endswith((".log.aliyuncs.com", ".sls.aliyuncs.com"))


def project_of(host: str) -> str:
    """The project that a host name names; empty for an endpoint without one."""
    match = HOST.fullmatch(host) or ADDRESS.fullmatch(host)
    return (match["project"] or "") if match else ""


def values_of(request: Request) -> dict[str, Any]:
    """A request's parameters: its query, its JSON body or else the body's bytes, its headers, its project.

    `endpoint` is empty where the host is a bare address, which is every region's endpoint.
    """
    values: dict[str, Any] = dict(request.query)
    if request.headers.get("content-type", "").startswith("application/json"):
        values |= request.json_body()
    elif request.body:
        values["body"] = request.body
    values |= {name: request.headers[name] for name in HEADERS if name in request.headers}
    return values | {
        "project": project_of(request.host),
        "endpoint": "" if ADDRESS.fullmatch(request.host) else "named",
    }


def log_signatures(request: Request, secret: str) -> list[str]:
    """The signatures of which a request's own must be one.

    Raises CloudError when its header or its statement of the body's checksum is malformed.
    """
    authorization = request.headers.get("authorization", "")
    match = VERSION_4.fullmatch(authorization)
    if match is not None:
        _, date, region, _ = match.groups()
        return [_version_4(request, secret, date, region, path) for path in (request.raw_path, request.path)]
    stated = request.headers.get("content-md5", "")
    if stated and stated.upper() != hashlib.md5(request.body, usedforsecurity=False).hexdigest().upper():
        raise CloudError("InvalidContentMD5", "The header Content-MD5 does not fit the body.")
    algorithm = hashlib.sha256 if request.headers.get("x-log-signaturemethod") == "hmac-sha256" else hashlib.sha1
    texts = [
        _text_1(request, path, left_out) for path in (request.raw_path, request.path) for left_out in ("", "x-log-date")
    ]
    return [base64.b64encode(hmac.new(secret.encode(), as_sent(text), algorithm).digest()).decode() for text in texts]


def _text_1(request: Request, path: str, left_out: str) -> str:
    headers = request.headers
    own = sorted(name for name in headers if name.startswith(("x-log-", "x-acs-")) and name != left_out)
    lines = [request.method, *(headers.get(name, "") for name in ("content-md5", "content-type", "date"))]
    lines += [f"{name}:{headers[name].strip()}" for name in own]
    query = "&".join(f"{name}={value}" for name, value in sorted(request.query))
    return "\n".join([*lines, path + (f"?{query}" if query else "")])


def _version_4(request: Request, secret: str, date: str, region: str, path: str) -> str:
    names = sorted(
        name for name in request.headers if name.startswith(("x-log-", "x-acs-")) or name in ("host", "content-type")
    )
    query = "&".join(f"{name}={percent_encode(value)}" if value else name for name, value in sorted(request.query))
    lines = [request.method, path, query, *(f"{name}:{request.headers[name].strip()}" for name in names), ""]
    content = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([*lines, ";".join(names), content])
    scope = f"{date}/{region}/sls/aliyun_v4_request"
    digest = hashlib.sha256(as_sent(canonical)).hexdigest()
    key = ("aliyun_v4" + secret).encode()
    for part in (date, region, "sls", "aliyun_v4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"SLS4-HMAC-SHA256\n{request.headers.get('x-log-date', '')}\n{scope}\n{digest}"
    return hmac.new(key, as_sent(text), hashlib.sha256).hexdigest()


def log_answer(answer: Any, request_id: str) -> Response:
    """A successful answer; None is one without a body."""
    found = answer if isinstance(answer, LogAnswer) else LogAnswer(answer)
    headers = {"x-log-requestid": request_id, **found.headers}
    if isinstance(found.content, bytes):
        return Response(200, found.content_type, found.content, request_id, headers)
    body = b"" if found.content is None else json_bytes(found.content)
    return Response(200, "application/json", body, request_id, {"x-log-bodyrawsize": str(len(body)), **headers})


def log_error(error: CloudError, request_id: str) -> Response:
    """A failed answer."""
    code, status = ERROR_CODES.get(error.code, (error.code, error.status))
    if code.startswith("InvalidParameter") or (code.startswith("Missing") and code == error.code):
        code = "ParameterInvalid"
    body = json_bytes({"errorCode": code, "errorMessage": error.message})
    return Response(status, "application/json", body, request_id, {"x-log-requestid": request_id})
