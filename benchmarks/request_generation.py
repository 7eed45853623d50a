"""Requests of the RPC, ROA and OSS styles made from what the services declare, with values that mostly do not fit."""

from __future__ import annotations

import base64
import datetime
import email.utils
import hashlib
import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from multidict import CIMultiDict

from benchmarks.http_requests import RawRequest
from benchmarks.log_and_registry_requests import log_request, registry_request
from benchmarks.request_values import JSON_VALUES, TEXTS, XML_DOCUMENTS, garbled_xml, nested
from sandbox.cloud.core.accounts import Credential
from sandbox.cloud.core.service import Action, Service
from sandbox.cloud.core.signatures import (
    acs3_signature,
    acs3_text,
    percent_encode,
    roa_resource,
    roa_signature,
    roa_text,
    rpc_signature,
    rpc_text,
)
from sandbox.cloud.oss import signature_v1, signature_v4
from sandbox.cloud.oss.addressing import resolve
from sandbox.cloud.oss.api import routes
from sandbox.cloud.oss.errors import OssError

SUFFIXES = ("", "", "", ".1", ".1.Key", ".x", ".1.IpProtocol", ".999999", ".-1", ".\u00b2", "." + "9" * 5000)
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
_HEADERS = """
    Range If-Match If-Modified-Since Content-MD5 Content-Encoding Expires x-oss-acl x-oss-object-acl x-oss-copy-source
    x-oss-copy-source-range x-oss-server-side-encryption x-oss-storage-class x-oss-tagging x-oss-forbid-overwrite
    x-oss-meta-a x-oss-hash-crc64ecma x-oss-metadata-directive x-oss-symlink-target
"""
OBJECT_HEADERS = _HEADERS.split()
_PARAMETERS = """
    prefix marker max-keys delimiter encoding-type list-type continuation-token partNumber uploadId versionId position
    max-parts part-number-marker key-marker version-id-marker response-content-type x-oss-process
"""
OBJECT_PARAMETERS = _PARAMETERS.split()


@dataclass
class Generated:
    """A request, whose service it is for, and which action it means."""

    service: str
    action: str
    request: RawRequest


@dataclass
class RequestGenerator:
    """Makes signed requests. `known` holds identifiers of resources that exist, so that some get further."""

    services: Sequence[Service]
    root: Credential
    host: str
    known: list[str]
    buckets: list[str]
    uploads: list[str]
    registry_password: str = ""
    _nonces: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        actions = [(service, action) for service in self.services for action in service.actions.values()]
        self._rpc = [(service, action) for service, action in actions if action.pattern is None]
        self._roa = [(service, action) for service, action in actions if action.pattern is not None]
        self._log = [action for service, action in actions if service.name == "Sls"]

    def make(self, generator: random.Random) -> Generated:
        """A request of any style."""
        style = generator.choices(("rpc", "roa", "oss", "log", "registry"), (5, 2, 3, 1, 1))[0]
        if style == "log":
            action = generator.choice(self._log)
            return Generated("Sls", action.name, log_request(action, self.root, generator))
        if style == "registry":
            return Generated("Registry", *registry_request(self.registry_password, generator))
        if style == "rpc":
            service, action = generator.choice(self._rpc)
            return Generated(service.name, action.name, self._rpc_request(service, action, generator))
        if style == "roa":
            service, action = generator.choice(self._roa)
            return Generated(service.name, action.name, self._roa_request(service, action, generator))
        return self._oss_request(generator)

    def _rpc_request(self, service: Service, action: Action, generator: random.Random) -> RawRequest:
        names = [name for name in sorted(action.honours) if generator.random() < 0.8]
        values = {name + generator.choice(SUFFIXES): generator.choice(TEXTS + self.known) for name in names}
        if generator.random() < 0.3:
            return self.acs3("POST", "/", values, b"", "", service, action.name)
        fields = {
            "Format": generator.choice(("JSON", "XML", "")),
            "RegionId": generator.choice(("cn-hangzhou", "cn-hangzhou", "cn-beijing", "mars-1", "")),
            **values,
        }
        return self.rpc_signed(service.name, action.name, fields, in_query=generator.random() < 0.4)

    def rpc_signed(self, service: str, action: str, values: Mapping[str, str], *, in_query: bool) -> RawRequest:
        """A call signed with version 1, in the query of a GET or as the form of a POST."""
        fields = {
            "AccessKeyId": self.root.access_key_id,
            "Action": action,
            "Format": "JSON",
            "RegionId": "cn-hangzhou",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": f"rpc-{next(self._nonces)}",
            "SignatureVersion": "1.0",
            "Timestamp": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": next(found.version for found in self.services if found.name == service),
            **values,
        }
        text = rpc_text("GET" if in_query else "POST", fields.items())
        encoded = urlencode({**fields, "Signature": rpc_signature(text, self.root.access_key_secret)})
        if in_query:
            return RawRequest("GET", f"/?{encoded}", (("Host", self.host),))
        form = ("Content-Type", "application/x-www-form-urlencoded")
        return RawRequest("POST", "/", (("Host", self.host), form), encoded.encode())

    def well_formed(self) -> list[tuple[str, RawRequest]]:
        """Calls that a cloud in good health answers, one of each style."""
        service = next(service for service in self.services if service.name == "CS")
        generator = random.Random(0)  # noqa: S311 (which of the signature's versions)
        return [
            ("Sts", self.rpc_signed("Sts", "GetCallerIdentity", {}, in_query=True)),
            ("CS", self.acs3("GET", "/api/v1/clusters", {}, b"", "", service, "Any")),
            ("Oss", self.oss_signed("GET", "/", {}, b"", generator)),
        ]

    def _roa_request(self, service: Service, action: Action, generator: random.Random) -> RawRequest:
        path = self._filled(action, generator)
        names = [name for name in sorted(action.honours) if generator.random() < 0.6]
        content: Any = {name: nested(generator) for name in names}
        if generator.random() < 0.2:
            content = generator.choice(JSON_VALUES)
        body = b"" if action.method == "GET" else json.dumps(content).encode()
        query = {}
        if generator.random() < 0.3 and names:
            query = {generator.choice(names): generator.choice(TEXTS)}
        if generator.random() < 0.7:
            return self.acs3(action.method, path, query, body, "application/json", service, action.name)
        return self._acs(action.method, path, query, body, service)

    def _filled(self, action: Action, generator: random.Random) -> str:
        """The action's path with a value for each of its names."""
        path = action.pattern.pattern if action.pattern is not None else "/"
        while "(?P<" in path:
            start = path.index("(?P<")
            end = path.index(")", start) + 1
            value = generator.choice([*self.known, *self.known, "none", "..", "a b", "\u4e2d", "x" * 300])
            path = path[:start] + quote(value, safe="") + path[end:]
        return path

    def acs3(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, kind: str, service: Service, action: str
    ) -> RawRequest:
        """A call signed with ACS3-HMAC-SHA256."""
        headers = {
            "host": self.host,
            "x-acs-action": action,
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-acs-date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-region-id": "cn-hangzhou",
            "x-acs-signature-nonce": f"acs3-{next(self._nonces)}",
            "x-acs-version": service.version,
        }
        if kind:
            headers["content-type"] = kind
        names = sorted(headers)
        text = acs3_text(method, path, query.items(), headers, names, body)
        signature = acs3_signature(text, self.root.access_key_secret)
        claim = f"Credential={self.root.access_key_id},SignedHeaders={';'.join(names)},Signature={signature}"
        headers["authorization"] = f"ACS3-HMAC-SHA256 {claim}"
        return RawRequest(method, path + _query(query), tuple(headers.items()), body)

    def _acs(self, method: str, path: str, query: Mapping[str, str], body: bytes, service: Service) -> RawRequest:
        headers = {
            "host": self.host,
            "accept": "application/json",
            "content-type": "application/json",
            "date": email.utils.formatdate(usegmt=True),
            "x-acs-signature-nonce": f"roa-{next(self._nonces)}",
            "x-acs-version": service.version,
        }
        text = roa_text(method, roa_resource(path, query.items()), headers)
        signature = roa_signature(text, self.root.access_key_secret)
        headers["authorization"] = f"acs {self.root.access_key_id}:{signature}"
        return RawRequest(method, path + _query(query), tuple(headers.items()), body)

    def _oss_request(self, generator: random.Random) -> Generated:
        level = generator.choice(("service", "bucket", "bucket", "object", "object", "object"))
        table = {"service": routes.SERVICE, "bucket": routes.BUCKET, "object": routes.OBJECT}[level]
        method, subresource = generator.choice(sorted(table))
        name = table[method, subresource].name
        if generator.random() < 0.1:
            method = generator.choice(METHODS)
        path = self._oss_path(level, generator)
        values = {} if not subresource else {subresource: ""}
        if subresource == "uploadId":
            values[subresource] = generator.choice([*self.uploads, "none", ""])
        for parameter in OBJECT_PARAMETERS:
            if generator.random() < 0.08:
                values[parameter] = generator.choice(TEXTS)
        headers = {}
        for header in OBJECT_HEADERS:
            if generator.random() < 0.08:
                headers[header] = _in_a_header(generator.choice([*TEXTS, "bytes=0-1", "bytes=5-", "private"]))
        body = self._oss_body(method, generator)
        return Generated("Oss", name, self.oss_signed(method, path + _query(values), headers, body, generator))

    def _oss_path(self, level: str, generator: random.Random) -> str:
        if level == "service":
            return "/"
        bucket = generator.choice([*self.buckets, *self.buckets, *self.buckets, "none", "Bad_Name", "a"])
        if level == "bucket":
            return f"/{bucket}/"
        key = generator.choice(["a.txt", "a.txt", "b/c.bin", "new", "\u4e2d\u6587", "x" * 1100, "..", " ", "\x00"])
        return f"/{bucket}/{quote(key, safe='/')}"

    def _oss_body(self, method: str, generator: random.Random) -> bytes:
        if method not in ("PUT", "POST"):
            return b""
        if generator.random() < 0.7:
            return garbled_xml(generator.choice(XML_DOCUMENTS), generator).encode("utf-8", "surrogatepass")
        return generator.randbytes(generator.randrange(200))

    def oss_signed(
        self, method: str, target: str, headers: dict[str, str], body: bytes, generator: random.Random
    ) -> RawRequest:
        """Signed by the server's own arithmetic, which finds the text for whatever the request holds."""
        key, secret = self.root.access_key_id, self.root.access_key_secret
        now = datetime.datetime.now(datetime.UTC)
        found = CIMultiDict({"Host": self.host, **headers})
        if body and generator.random() < 0.5:
            found.setdefault(
                "Content-MD5", base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            )
        try:
            if generator.random() < 0.5:
                found["Date"] = email.utils.formatdate(usegmt=True)
                found["Authorization"] = f"OSS {key}:x"
                claim = signature_v1.from_header(method, resolve(self.host, target), found)
                found["Authorization"] = f"OSS {key}:{claim.expected(secret)[0]}"
            else:
                found["x-oss-date"] = now.strftime("%Y%m%dT%H%M%SZ")
                found["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD"
                scope = f"OSS4-HMAC-SHA256 Credential={key}/{now:%Y%m%d}/cn-hangzhou/oss/aliyun_v4_request, Signature="
                found["Authorization"] = scope + "0" * 64
                newer = signature_v4.from_header(method, resolve(self.host, target), found)
                found["Authorization"] = scope + newer.expected(secret)[0]
        except OssError:
            pass  # a request that cannot be signed is sent as it is
        return RawRequest(method, target, tuple(found.items()), body)


def _query(values: Mapping[str, str]) -> str:
    pairs = [f"{percent_encode(name)}={percent_encode(value)}" for name, value in values.items()]
    return "?" + "&".join(pairs) if pairs else ""


def _in_a_header(text: str) -> str:
    """Text without line ends, which would begin another header."""
    return text.replace("\r", " ").replace("\n", " ").replace("\x00", " ")
