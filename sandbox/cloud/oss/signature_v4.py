"""Signature version 4: HMAC-SHA256 with a key derived from date, region and product."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sandbox.cloud.oss.addressing import Target
from sandbox.cloud.oss.errors import OssError, invalid_argument

ALGORITHM = "OSS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
MAXIMUM_EXPIRES = 7 * 24 * 3600
"""Seconds that a presigned URL may be valid."""


@dataclass(frozen=True)
class Claim:
    """What a request says of itself, and how to calculate the signature that it must have."""

    access_key_id: str
    security_token: str | None
    signature: str
    signed_at: float
    expires: float | None
    date: str
    region: str
    product: str
    string_to_sign: str

    def expected(self, secret: str) -> list[str]:
        """The valid signature under this secret."""
        key = f"aliyun_v4{secret}".encode()
        for part in (self.date, self.region, self.product, "aliyun_v4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        return [hmac.new(key, self.string_to_sign.encode(), "sha256").hexdigest()]


def from_header(method: str, target: Target, headers: Mapping[str, str]) -> Claim:
    """Read `Authorization: OSS4-HMAC-SHA256 Credential=...,AdditionalHeaders=...,Signature=...`."""
    fields = {
        name.strip(): value.strip()
        for name, _, value in (
            part.partition("=") for part in headers["Authorization"].removeprefix(ALGORITHM).strip().split(",")
        )
    }
    if "Credential" not in fields or "Signature" not in fields:
        raise invalid_argument("The Authorization header is invalid.", "Authorization")
    stamp = headers.get("x-oss-date") or headers.get("Date", "")
    payload = headers.get("x-oss-content-sha256", "")
    if payload != UNSIGNED:
        raise invalid_argument(f"x-oss-content-sha256 must be {UNSIGNED}.", "x-oss-content-sha256", payload)
    additional = _additional(fields.get("AdditionalHeaders", ""))
    text = _canonical_request(method, target, headers, additional, target.query)
    return _claim(
        fields["Credential"], fields["Signature"], stamp, text, headers.get("x-oss-security-token"), expires=None
    )


def from_query(method: str, target: Target, headers: Mapping[str, str]) -> Claim:
    """Read `?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=...&x-oss-signature=...`."""
    if target.get("x-oss-signature-version") != ALGORITHM:
        version = target.get("x-oss-signature-version")
        raise invalid_argument("The signature version is not supported.", "x-oss-signature-version", version)
    expires = target.get("x-oss-expires")
    if not expires.isdigit() or not 1 <= int(expires) <= MAXIMUM_EXPIRES:
        raise OssError("AccessDenied", f"x-oss-expires must be between 1 and {MAXIMUM_EXPIRES} seconds.")
    query = tuple(pair for pair in target.query if pair[0] != "x-oss-signature")
    additional = _additional(target.get("x-oss-additional-headers"))
    text = _canonical_request(method, target, headers, additional, query)
    token = target.get("x-oss-security-token") or None
    signature = target.get("x-oss-signature")
    return _claim(target.get("x-oss-credential"), signature, target.get("x-oss-date"), text, token, int(expires))


def _claim(
    credential: str, signature: str, stamp: str, canonical: str, token: str | None, expires: int | None
) -> Claim:
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aliyun_v4_request" or not re.fullmatch(r"\d{8}", parts[1]):
        raise invalid_argument("Invalid credential scope in Authorization header.", "Authorization", credential)
    key_id, date, region, product, _ = parts
    moment = _moment(stamp)
    if moment.strftime("%Y%m%d") != date:
        raise invalid_argument("Invalid signing date in Authorization header.", "Authorization", date)
    scope = "/".join(parts[1:])
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = "\n".join([ALGORITHM, stamp, scope, digest])
    signed_at = moment.timestamp()
    end = None if expires is None else signed_at + expires
    return Claim(key_id, token, signature, signed_at, end, date, region, product, text)


def _moment(stamp: str) -> datetime.datetime:
    """When the request was signed: x-oss-date, or the Date header, which older SDKs sign instead."""
    for form in ("%Y%m%dT%H%M%SZ", "%a, %d %b %Y %H:%M:%S GMT"):
        try:
            return datetime.datetime.strptime(stamp, form).replace(tzinfo=datetime.UTC)
        except ValueError:
            continue
    raise OssError("AccessDenied", "OSS authentication requires a valid x-oss-date or Date.")


def _canonical_request(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    additional: list[str],
    query: tuple[tuple[str, str], ...],
) -> str:
    path = f"/{target.bucket}/{target.key}" if target.bucket else "/"
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query)
    query_text = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    signed = sorted(
        (name.lower(), value.strip())
        for name, value in headers.items()
        if name.lower().startswith("x-oss-")
        or name.lower() in additional
        or (name.lower() in ("content-type", "content-md5") and value.strip())
    )
    header_text = "".join(f"{name}:{value}\n" for name, value in signed)
    payload = headers.get("x-oss-content-sha256", UNSIGNED)
    return "\n".join([method, quote(path, safe="/"), query_text, header_text, ";".join(additional), payload])


def _additional(value: str) -> list[str]:
    return sorted(name.strip().lower() for name in value.split(";") if name.strip())
