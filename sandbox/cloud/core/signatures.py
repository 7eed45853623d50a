"""The three request signatures of the cloud's APIs, computed from what the server received.

Each is a text to sign, and the signature of such a text that the caller should have sent. Sources: Alibaba Cloud's
"Request syntax and signature method V3" (ACS3-HMAC-SHA256), "Sign requests" of the RPC style (V1) and of the ROA style.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

UNRESERVED = "-_.~"


def percent_encode(text: str) -> str:
    """Percent-encoding of RFC 3986, which leaves only letters, digits and `-_.~` as they are."""
    return quote(text, safe=UNRESERVED)


def as_sent(text: str) -> bytes:
    """Text as bytes; those of a header that were not UTF-8 are what they were."""
    return text.encode("utf-8", "surrogateescape")


def rpc_signature(text: str, secret: str) -> str:
    """Signature V1 of the RPC style."""
    return _hmac_sha1(secret + "&", text)


def rpc_text(method: str, parameters: Iterable[tuple[str, str]]) -> str:
    """What the RPC style signs: query and form parameters together, `Signature` itself left out."""
    pairs = sorted((name, value) for name, value in parameters if name != "Signature")
    canonical = "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in pairs)
    return f"{method}&{percent_encode('/')}&{percent_encode(canonical)}"


def roa_signature(text: str, secret: str) -> str:
    """Signature of the ROA style (`Authorization: acs KEY:SIGNATURE`)."""
    return _hmac_sha1(secret, text)


def roa_text(method: str, resource: str, headers: Mapping[str, str]) -> str:
    """What the ROA style signs. `headers` has lower-case names."""
    own = sorted((name, value) for name, value in headers.items() if name.startswith("x-acs-"))
    lines = [method, *(headers.get(name, "") for name in ("accept", "content-md5", "content-type", "date"))]
    lines += [f"{name}:{value.strip()}" for name, value in own]
    return "\n".join([*lines, resource])


def roa_resource(path: str, query: Iterable[tuple[str, str]]) -> str:
    """What the ROA style signs of the request's target: the path, and the parameters sorted by name."""
    pairs = [f"{name}={value}" if value else name for name, value in sorted(query)]
    return path + ("?" + "&".join(pairs) if pairs else "")


def acs3_signature(text: str, secret: str) -> str:
    """Signature ACS3-HMAC-SHA256, hexadecimal."""
    return hmac.new(secret.encode(), as_sent(text), hashlib.sha256).hexdigest()


def acs3_text(
    method: str,
    raw_path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: Iterable[str],
    body: bytes,
) -> str:
    """What ACS3-HMAC-SHA256 signs. `headers` has lower-case names; `raw_path` as in the request line."""
    names = list(signed_headers)
    canonical = "\n".join(
        [
            method,
            quote(unquote(raw_path), safe="/" + UNRESERVED),
            "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(query)),
            *(f"{name}:{headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    return "ACS3-HMAC-SHA256\n" + hashlib.sha256(as_sent(canonical)).hexdigest()


def _hmac_sha1(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), as_sent(text), hashlib.sha1).digest()).decode()
