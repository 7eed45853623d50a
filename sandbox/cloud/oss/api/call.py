"""One request on its way through object storage, and how it is answered."""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from aiohttp import web

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.clock import Clock
from sandbox.cloud.oss import buckets, origins, xml
from sandbox.cloud.oss.access import Access, Guard
from sandbox.cloud.oss.addressing import Target
from sandbox.cloud.oss.bodies import Bodies
from sandbox.cloud.oss.database import Database
from sandbox.cloud.oss.errors import OssError, invalid_argument
from sandbox.cloud.oss.model import Bucket
from sandbox.cloud.oss.times import milliseconds
from sandbox.cloud.oss.xml import Element

Handler = Callable[["Call"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Operation:
    """An API of object storage: its name, the RAM action that it needs, and who carries it out."""

    name: str
    action: str
    handler: Handler


@dataclass(frozen=True)
class Backend:
    """What all operations share."""

    database: Database
    bodies: Bodies
    access: Access
    clock: Clock


@dataclass
class Call:
    """A verified request; `region` is the one of its endpoint or signature."""

    backend: Backend
    request: web.Request
    target: Target
    principal: Principal | None
    region: str
    request_id: str
    operation: Operation

    @cached_property
    def now(self) -> int:
        """The cloud's time of this call, in milliseconds since 1970."""
        return milliseconds(self.backend.clock.now())

    @cached_property
    def bucket(self) -> Bucket:
        """The bucket that the call is about; NoSuchBucket where there is none."""
        return buckets.get(self.backend.database.reader, self.target.bucket)

    @property
    def key(self) -> str:
        """The object's name."""
        return self.target.key

    @property
    def version(self) -> str:
        """The version that the call names; empty for the newest."""
        return self.target.get("versionId")

    def header(self, name: str, default: str = "") -> str:
        """A header's value, as text that can be stored; an empty one counts as absent."""
        value = self.request.headers.get(name) or default
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise invalid_argument(f"The header {name} is not valid UTF-8.", name) from error
        return value

    def context(self) -> dict[str, str]:
        """The condition keys that policies may ask for."""
        context = {
            "acs:SecureTransport": xml.boolean(self.request.secure),
            "acs:SourceIp": self.request.remote or "",
            "acs:CurrentTime": datetime.datetime.fromtimestamp(self.now / 1000, datetime.UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
            "acs:UserAgent": self.request.headers.get("User-Agent", ""),
        }
        for name, parameter in (("oss:Prefix", "prefix"), ("oss:Delimiter", "delimiter")):
            context[name] = self.target.get(parameter)
        return context

    def authorize(self, action: str, bucket: Bucket, key: str | None, object_acl: str = "default") -> None:
        """Raise AccessDenied unless the caller may do this to the bucket (key None) or to the object."""
        reader = self.backend.database.reader
        block = buckets.configuration(reader, bucket, "publicAccessBlock") or ""
        guard = Guard(
            owner=bucket.owner,
            policy=buckets.configuration(reader, bucket, "policy"),
            acl=bucket.acl if object_acl == "default" else object_acl,
            public_blocked="<BlockPublicAccess>true<" in block,
        )
        path = bucket.name if key is None else f"{bucket.name}/{key}"
        self.backend.access.check(self.principal, action, f"acs:oss:*:{bucket.owner}:{path}", guard, self.context())

    def cross_origin_headers(self) -> dict[str, str]:
        """What a browser must be told where a page's script makes the call."""
        if "Origin" not in self.request.headers or not self.target.bucket:
            return {}
        reader = self.backend.database.reader
        bucket = buckets.find(reader, self.target.bucket)
        if bucket is None:
            return {}
        return origins.cross_origin_headers(reader, bucket, self.request.method, self.request.headers)

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """A whole-number parameter within its limits."""
        value = self.target.get(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 12 or not lowest <= int(value) <= highest:
            raise invalid_argument(f"{name} is a whole number from {lowest} to {highest}.", name, value)
        return int(value)

    async def body(self, limit: int = xml.MAXIMUM_DOCUMENT) -> bytes:
        """A small request body, checked against its Content-MD5."""
        data = bytearray()
        async for chunk in self.request.content.iter_any():
            data += chunk
            if len(data) > limit:
                raise OssError("EntityTooLarge", f"The request's body is larger than the {limit} bytes accepted here.")
        expected = self.content_md5()
        if expected is not None and expected != hashlib.md5(data, usedforsecurity=False).digest():
            raise OssError("BadDigest")
        return bytes(data)

    def content_md5(self) -> bytes | None:
        """The digest that the client announced; InvalidDigest where it is none."""
        value = self.header("Content-MD5")
        if not value:
            return None
        try:
            digest = base64.b64decode(value, validate=True)
        except ValueError:  # also what is not ASCII
            digest = b""
        if len(digest) != 16:
            raise OssError("InvalidDigest", detail={"Content-MD5": value})
        return digest

    async def document(self, root: str) -> Element:
        """The request's XML body."""
        return xml.parse(await self.body(), root)

    def encode(self, key: str) -> str:
        """A key as this listing writes it: percent-encoded where the client asked for that."""
        encoding = self.target.get("encoding-type")
        if encoding not in ("", "url"):
            raise invalid_argument("encoding-type is url.", "encoding-type", encoding)
        return quote(key, safe="") if encoding else key

    async def start(self, status: int, headers: Mapping[str, str], length: int) -> web.StreamResponse:
        """Begin an answer whose body of `length` bytes follows."""
        standard = standard_headers(self.request_id) | self.cross_origin_headers()
        response = web.StreamResponse(status=status, headers={**headers, **standard})
        response.content_length = length
        await response.prepare(self.request)
        return response

    def empty(self, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        """An answer without a body."""
        return web.Response(status=status, headers=headers)

    def answer(self, name: str, *parts: str, headers: Mapping[str, str] | None = None) -> web.Response:
        """An XML answer with this root element."""
        return self.xml(xml.wrap(name, parts), headers)

    def xml(self, content: str, headers: Mapping[str, str] | None = None) -> web.Response:
        """An XML answer."""
        return web.Response(body=xml.document(content), content_type="application/xml", headers=headers)


def standard_headers(request_id: str) -> dict[str, str]:
    """What every answer has."""
    return {"x-oss-request-id": request_id, "Server": "AliyunOSS"}


def owner_element(bucket: Bucket) -> str:
    """The owner's part of many answers."""
    return xml.wrap("Owner", [xml.tag("ID", bucket.owner), xml.tag("DisplayName", bucket.owner)])
