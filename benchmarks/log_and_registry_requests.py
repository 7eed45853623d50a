"""Malformed requests of the log service's own style, and of the registry's protocol."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import json
import random
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.http_requests import RawRequest
from benchmarks.request_values import JSON_VALUES, TEXTS, nested
from sandbox.cloud.core.accounts import Credential
from sandbox.cloud.core.service import Action
from sandbox.cloud.registry.service import ROUTES

PROJECT, STORE, NAMESPACE = "fuzz-logs", "events", "fuzz"
REGISTRY_HOST = "registry.cn-hangzhou.aliyuncs.com"
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MANIFEST = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": []}
QUERIES = ("*", "a: b", "a > 1", "not (a or b", '"open', "a in [1 x]", "* | select 1", "((((" * 40, "__tag__:a: b")
BODIES = (b"", b"\x0a\x02\x08\x01", b"\x0a\x00", b"\xff" * 40, b"{}")


def log_request(action: Action, root: Credential, generator: random.Random) -> RawRequest:
    """A call signed as `LOG KEY:SIGNATURE`, to the project's host most of the time."""
    path = action.pattern.pattern if action.pattern is not None else "/"
    values = {"logstore": STORE, "shard": "0", "name": "main"}
    while "(?P<" in path:
        start = path.index("(?P<")
        end = path.index(")", start) + 1
        name = path[start + 4 : path.index(">", start)]
        fitting = [values.get(name, "x")] * 6
        path = path[:start] + quote(generator.choice([*fitting, "none", "..", "x" * 300]), safe="") + path[end:]
    query = {name: _text(name, generator) for name in sorted(action.honours) if generator.random() < 0.6}
    if action.selector is not None:
        query[action.selector[0]] = action.selector[1]
    body, kind = b"", "application/json"
    if action.method in ("POST", "PUT"):
        content: Any = {name: nested(generator) for name in sorted(action.honours) if generator.random() < 0.7}
        body = json.dumps(content if generator.random() < 0.8 else generator.choice(JSON_VALUES)).encode()
        if "body" in action.honours and generator.random() < 0.8:
            body, kind = generator.choice(BODIES), "application/x-protobuf"
    project = generator.choice([f"{PROJECT}."] * 8 + ["", "none."])
    own = {
        "x-log-apiversion": "0.6.0",
        "x-log-bodyrawsize": generator.choice([str(len(body))] * 6 + ["-1", "999999999", "many", ""]),
        "x-log-compresstype": generator.choice(["", "", "lz4", "deflate", "zstd", "snappy"]),
        "x-log-signaturemethod": "hmac-sha1",
    }
    date = email.utils.formatdate(usegmt=True)
    canonical = "&".join(f"{name}={value}" for name, value in sorted(query.items()))
    lines = [action.method, "", kind, date, *(f"{name}:{own[name]}" for name in sorted(own))]
    text = "\n".join([*lines, path + (f"?{canonical}" if canonical else "")])
    digest = hmac.new(root.access_key_secret.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
    claim = f"LOG {root.access_key_id}:{base64.b64encode(digest).decode()}"
    host = f"{project}cn-hangzhou.log.aliyuncs.com"
    headers = {"Host": host, "Content-Type": kind, "Date": date, **own, "Authorization": claim}
    encoded = urlencode(query, quote_via=quote, errors="replace")
    return RawRequest(action.method, path + (f"?{encoded}" if encoded else ""), tuple(headers.items()), body)


def registry_request(password: str, generator: random.Random) -> tuple[str, RawRequest]:
    """The action and a request of the registry's protocol, with a login most of the time."""
    kind, method = generator.choice(sorted(ROUTES))
    name = generator.choice([f"{NAMESPACE}/image"] * 6 + ["fuzz", "Bad/Name", "../x", "a/" * 130 + "a", "none/x"])
    reference = generator.choice(["1", "1", EMPTY, EMPTY, "sha256:1", "..", "x" * 200, "list", "%00", ""])
    place = {"uploads": f"blobs/uploads/{generator.choice(['', '0' * 32, 'x'])}"}.get(kind, f"{kind}/{reference}")
    parameters = {
        parameter: generator.choice([EMPTY, "sha256:zz", "", "-1", "9" * 30, f"{NAMESPACE}/image", "docker.io"])
        for parameter in ("digest", "mount", "from", "n", "last", "ns", "artifactType")
        if generator.random() < 0.2
    }
    body = b""
    if method in ("PUT", "POST", "PATCH"):
        manifest = json.dumps({**MANIFEST, generator.choice(["config", "layers", "x"]): nested(generator)}).encode()
        body = generator.choice([b"", b"{", manifest, manifest, generator.randbytes(100)])
    headers = {"Host": REGISTRY_HOST}
    if generator.random() < 0.8:
        login = base64.b64encode(f"cr_temp_user:{password}".encode()).decode()
        headers["Authorization"] = generator.choice([f"Basic {login}"] * 6 + ["Bearer x", "Basic x", "Basic"])
    if generator.random() < 0.3:
        headers["Range"] = generator.choice(["bytes=0-1", "bytes=5-", "bytes=9-1", "bytes=x"])
        headers["Content-Range"] = generator.choice(["0-1", "bytes 7-9/10", "x", "9" * 40 + "-1"])
    encoded = f"?{urlencode(parameters)}" if parameters else ""
    request = RawRequest(method, f"/v2/{name}/{place}{encoded}", tuple(headers.items()), body)
    return ROUTES[kind, method][0], request


def _text(name: str, generator: random.Random) -> str:
    if name == "query":
        return generator.choice(QUERIES)
    if name in ("from", "to"):
        return generator.choice(["0", "2000000000", "begin", "end", "-1", "x"])
    plain = generator.choice(TEXTS)
    return plain.encode("utf-8", "replace").decode()  # half a character cannot be sent in a query
