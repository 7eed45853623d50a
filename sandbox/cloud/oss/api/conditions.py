"""Conditional requests and byte ranges.

https://help.aliyun.com/zh/oss/developer-reference/getobject
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.cloud.oss.errors import OssError
from sandbox.cloud.oss.model import ObjectVersion
from sandbox.cloud.oss.times import parse_http_date

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def check(headers: Mapping[str, str], found: ObjectVersion, *, prefix: str = "") -> None:
    """If-Match and its like (`prefix` for those of a copy's source): PreconditionFailed, or NotModified."""
    seconds = found.modified // 1000
    match, unmodified = headers.get(f"{prefix}If-Match"), headers.get(f"{prefix}If-Unmodified-Since")
    if match is not None and not _names(match, found.etag):
        raise OssError("PreconditionFailed", detail={"Condition": "If-Match"})
    if unmodified is not None:
        limit = parse_http_date(unmodified)
        if limit is not None and seconds > limit // 1000:
            raise OssError("PreconditionFailed", detail={"Condition": "If-Unmodified-Since"})
    none_match, modified = headers.get(f"{prefix}If-None-Match"), headers.get(f"{prefix}If-Modified-Since")
    unchanged = none_match is not None and _names(none_match, found.etag)
    if modified is not None and none_match is None:
        limit = parse_http_date(modified)
        unchanged = limit is not None and seconds <= limit // 1000
    if unchanged:
        raise OssError("NotModified", headers={"ETag": f'"{found.etag}"'})


def byte_range(value: str, size: int, *, standard: bool) -> tuple[int, int] | None:
    """The first byte and the count that a Range header asks for; None for the whole object.

    OSS answers a range beyond the object's end with the whole object, unless `standard` (the header
    x-oss-range-behavior) asks for what HTTP says: cut it off, or InvalidRange where nothing remains.
    """
    found = _RANGE.match(value.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first and last and int(first) > int(last):
        return None
    if not first:
        count = int(last)
        start, end = max(0, size - count), size - 1
        beyond = count > size
        nothing = count == 0 or size == 0
    else:
        start, end = int(first), int(last) if last else size - 1
        beyond = end >= size
        nothing = start >= size
        end = min(end, size - 1)
    if nothing:
        if standard:
            raise OssError("InvalidRange", detail={"RangeHeader": value, "ActualObjectSize": str(size)})
        return None
    if beyond and not standard:
        return None
    return start, end - start + 1


def _names(value: str, etag: str) -> bool:
    if value.strip() == "*":
        return True
    return any(one.strip().removeprefix("W/").strip('"').upper() == etag.upper() for one in value.split(","))
