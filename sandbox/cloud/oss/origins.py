"""Where a request comes from: cross-origin rules for browsers' scripts, and the white list of referring pages.

https://help.aliyun.com/zh/oss/user-guide/cors-12 and https://help.aliyun.com/zh/oss/user-guide/hotlink-protection
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.cloud.oss import buckets, xml
from sandbox.cloud.oss.errors import OssError
from sandbox.cloud.oss.model import Bucket
from sandbox.cloud.oss.xml import Element


def preflight(source: buckets.Source, bucket: Bucket, headers: Mapping[str, str]) -> dict[str, str]:
    """What a browser is answered that asks first; AccessForbidden where no rule allows what it wants to do."""
    origin, method = headers.get("Origin", ""), headers.get("Access-Control-Request-Method", "")
    wanted = [
        one.strip().lower() for one in headers.get("Access-Control-Request-Headers", "").split(",") if one.strip()
    ]
    found = _rule(source, bucket, origin, method, wanted) if origin and method else None
    if found is None:
        raise OssError("AccessForbidden", detail={"Method": method, "ResourceType": "OBJECT"})
    answer = _allowed(found, origin)
    if wanted:
        answer["Access-Control-Allow-Headers"] = ", ".join(wanted)
    age = xml.text(found, "MaxAgeSeconds")
    return answer | ({"Access-Control-Max-Age": age} if age else {})


def cross_origin_headers(
    source: buckets.Source, bucket: Bucket, method: str, headers: Mapping[str, str]
) -> dict[str, str]:
    """What is added to the answer of a script's request; nothing where no rule allows it: the browser then refuses."""
    origin = headers.get("Origin", "")
    found = _rule(source, bucket, origin, method, []) if origin else None
    return {} if found is None else _allowed(found, origin)


def check_referer(source: buckets.Source, bucket: Bucket, headers: Mapping[str, str]) -> None:
    """Raise AccessDenied for a referring page that the bucket's owner does not want.

    Asked for anonymous requests and signed addresses only: a request that carries its signature in a header does not
    come from a page's link.
    """
    content = buckets.configuration(source, bucket, "referer")
    if content is None:
        return
    root = xml.parse(content.encode(), "RefererConfiguration")
    referer = headers.get("Referer", "")
    cut = xml.text(root, "AllowTruncateQueryString", "true") == "true"
    address = referer.partition("?")[0] if cut else referer
    allowed, refused = (_patterns(root, f"{name}/Referer") for name in ("RefererList", "RefererBlacklist"))
    if not referer:
        permitted = xml.text(root, "AllowEmptyReferer") == "true" or not (allowed or refused)
    else:
        permitted = not _matches(refused, address) and (not allowed or _matches(allowed, address))
    if not permitted:
        raise OssError("AccessDenied", "You are denied by bucket referer policy.", {"BucketName": bucket.name})


def _rule(source: buckets.Source, bucket: Bucket, origin: str, method: str, wanted: list[str]) -> Element | None:
    """The first rule that allows all of it, as the cloud goes by the rules' order."""
    content = buckets.configuration(source, bucket, "cors")
    if content is None:
        return None
    for rule in xml.parse(content.encode(), "CORSConfiguration").findall("CORSRule"):
        origins, headers = _patterns(rule, "AllowedOrigin"), [one.lower() for one in _patterns(rule, "AllowedHeader")]
        if (
            _matches(origins, origin)
            and method in _patterns(rule, "AllowedMethod")
            and all(_matches(headers, one) for one in wanted)
        ):
            return rule
    return None


def _allowed(rule: Element, origin: str) -> dict[str, str]:
    everyone = "*" in _patterns(rule, "AllowedOrigin")
    answer = {
        "Access-Control-Allow-Origin": "*" if everyone else origin,
        "Access-Control-Allow-Methods": ", ".join(_patterns(rule, "AllowedMethod")),
    }
    exposed = _patterns(rule, "ExposeHeader")
    return answer | ({"Access-Control-Expose-Headers": ", ".join(exposed)} if exposed else {})


def _patterns(root: Element, path: str) -> list[str]:
    return [one.text.strip() for one in root.findall(path) if one.text and one.text.strip()]


def _matches(patterns: list[str], value: str) -> bool:
    """Whether one of the patterns, where * stands for any text and ? for any character, is the value."""
    for pattern in patterns:
        expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(expression, value):
            return True
    return False
