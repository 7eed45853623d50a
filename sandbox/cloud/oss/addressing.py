"""Which bucket and object a request is about: virtual-hosted and path-style addresses.

https://help.aliyun.com/zh/oss/user-guide/regions-and-endpoints
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sandbox.cloud.oss.errors import OssError, invalid_argument

DEFAULT_REGION = "cn-hangzhou"
"""The region of a bucket where neither host, signature nor body names one: the one of the provider's examples."""

MAXIMUM_KEY = 1023
"""Bytes of the longest object key."""

_ENDPOINT = re.compile(
    r"^(?:(?P<bucket>[^.]+)\.)?oss-(?P<region>(?!accelerate)[a-z0-9-]+?)(?P<internal>-internal)?\.aliyuncs\.com$"
)
_ACCELERATED = re.compile(r"^(?:(?P<bucket>[^.]+)\.)?oss-accelerate(?:-overseas)?\.aliyuncs\.com$")
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")


@dataclass(frozen=True)
class Target:
    """What a request addresses. `region` is the endpoint's, None where the host is an address or localhost."""

    bucket: str
    key: str
    region: str | None
    host: str
    parameters: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    """Every parameter as sent, decoded, in order: what a signature is calculated from."""

    def has(self, name: str) -> bool:
        """Whether the query has this parameter, with or without a value."""
        return name in self.parameters

    def get(self, name: str, default: str = "") -> str:
        """A parameter's value."""
        return self.parameters.get(name, default)


def resolve(host_header: str, raw_path: str) -> Target:
    """Split a request's host and raw path (as on the wire, still percent-encoded) into bucket, key and parameters."""
    host = host_header.rsplit(":", 1)[0] if re.search(r":\d+$", host_header) else host_header
    path, _, raw_query = raw_path.partition("?")
    query = tuple(_pairs(raw_query))
    endpoint = _ENDPOINT.match(host.lower()) or _ACCELERATED.match(host.lower())
    region = endpoint.groupdict().get("region") if endpoint else None
    rest = _decode(path.removeprefix("/"))
    bucket = (endpoint["bucket"] or "") if endpoint else ""
    if bucket:
        key = rest
    else:
        bucket, _, key = rest.partition("/")
    return Target(bucket, key, region, host, dict(query), query)


def check_bucket_name(bucket: str) -> None:
    """Refuse a name that no bucket may have: 3 to 63 lower-case letters, digits and hyphens."""
    if not _BUCKET.match(bucket):
        raise OssError("InvalidBucketName", detail={"BucketName": bucket})


def check_key(key: str) -> None:
    """Refuse a name that no object may have: 1 to 1023 bytes of UTF-8, not beginning with / or \\."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise OssError("InvalidObjectName", "The object's name is not valid UTF-8.") from error
    if not 1 <= size <= MAXIMUM_KEY or key[0] in "/\\" or "\0" in key:
        raise OssError("InvalidObjectName", detail={"ObjectName": key})


def _pairs(raw_query: str) -> list[tuple[str, str]]:
    pairs = []
    for pair in raw_query.split("&"):
        name, _, value = pair.partition("=")
        if name:
            pairs.append((_decode(name.replace("+", " ")), _decode(value.replace("+", " "))))
    return pairs


def _decode(encoded: str) -> str:
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError as error:
        raise invalid_argument("The request's path or query is not valid UTF-8.") from error
