"""Signature version 1: HMAC-SHA1 over method, date, x-oss headers and the resource with its sub-resources."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cloud.oss.addressing import Target
from sandbox.cloud.oss.errors import OssError, invalid_argument
from sandbox.cloud.oss.times import parse_http_date

_SIGNED = """
    acl append asyncFetch bucketArchiveDirectRead bucketInfo callback callback-var cloudboxes cname comp
    continuation-token cors delete encryption endTime httpsConfig inventory inventoryId lifecycle link live location
    logging metaQuery objectInfo objectMeta partNumber policy policyStatus position publicAccessBlock qos qosInfo
    redundancyTransition referer regionList replication replicationLocation replicationProgress requestPayment
    resourceGroup response-cache-control response-content-disposition response-content-encoding
    response-content-language response-content-type response-expires restore rtc security-token sequential startTime
    stat status style styleName symlink tagging transferAcceleration uploadId uploads userDefinedLogFieldsConfig
    versionId versioning versions vod website worm wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip
    x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-async-process x-oss-process x-oss-request-payer x-oss-traffic-limit
    accessmonitor
"""
SUBRESOURCES = frozenset(_SIGNED.split())
"""Parameters that are part of the signed resource."""

_NEWER = """
    accessmonitor bucketArchiveDirectRead httpsConfig policyStatus publicAccessBlock userDefinedLogFieldsConfig
    redundancyTransition rtc cloudboxes
"""
_SIGNED_BY_SOME = frozenset(_NEWER.split())
"""Newer sub-resources that some of the official SDKs leave out of the signature; both ways are accepted."""


@dataclass(frozen=True)
class Claim:
    """What a request says of itself, and how to calculate the signature that it must have."""

    access_key_id: str
    security_token: str | None
    signature: str
    signed_at: float
    expires: float | None
    string_to_sign: str
    alternative: str
    region: None = None
    product: str = "oss"

    def expected(self, secret: str) -> list[str]:
        """The valid signatures under this secret."""
        return [_sign(secret, text) for text in {self.string_to_sign, self.alternative}]


def from_header(method: str, target: Target, headers: Mapping[str, str]) -> Claim:
    """Read `Authorization: OSS <access key id>:<signature>`."""
    key_id, separator, signature = headers["Authorization"].removeprefix("OSS ").strip().rpartition(":")
    if not separator:
        raise invalid_argument("The Authorization header is invalid.", "Authorization")
    date = headers.get("x-oss-date") or headers.get("Date", "")
    moment = parse_http_date(date)
    if moment is None:
        raise OssError("AccessDenied", "OSS authentication requires a valid Date.")
    token = headers.get("x-oss-security-token") or headers.get("security-token")
    texts = _texts(method, target, headers, date)
    return Claim(key_id, token, signature, moment / 1000, None, *texts)


def from_query(method: str, target: Target, headers: Mapping[str, str]) -> Claim:
    """Read `?OSSAccessKeyId=...&Expires=...&Signature=...`."""
    missing = [name for name in ("OSSAccessKeyId", "Expires", "Signature") if not target.get(name)]
    if missing:
        raise OssError("AccessDenied", f"Missing {', '.join(missing)} in the presigned URL.")
    expires = target.get("Expires")
    if not expires.isdigit():
        raise OssError("AccessDenied", "Expires of the presigned URL is not a number of seconds since 1970.")
    token = target.get("security-token") or None
    texts = _texts(method, target, headers, expires)
    return Claim(target.get("OSSAccessKeyId"), token, target.get("Signature"), 0.0, float(expires), *texts)


def _texts(method: str, target: Target, headers: Mapping[str, str], date: str) -> tuple[str, str]:
    signed = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("x-oss-"))
    lines = [method, headers.get("Content-MD5", ""), headers.get("Content-Type", ""), date]
    lines += [f"{name}:{value.strip()}" for name, value in signed]
    return (
        "\n".join([*lines, _resource(target, SUBRESOURCES)]),
        "\n".join([*lines, _resource(target, SUBRESOURCES - _SIGNED_BY_SOME)]),
    )


def _resource(target: Target, subresources: frozenset[str]) -> str:
    path = f"/{target.bucket}/{target.key}" if target.bucket else "/"
    pairs = sorted((name, value) for name, value in target.query if name in subresources)
    query = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    return f"{path}?{query}" if query else path


def _sign(secret: str, text: str) -> str:
    digest = hmac.new(secret.encode(), text.encode("utf-8", "surrogateescape"), "sha1").digest()
    return base64.b64encode(digest).decode()
