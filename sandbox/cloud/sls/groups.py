"""Log groups on the wire: protocol buffers, as the service's description and the official SDKs have them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import lz4.block  # type: ignore[import-untyped]
import zstd  # type: ignore[import-untyped]
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from sandbox.cloud.sls.errors import body_invalid, invalid

LARGEST_GROUP = 10 * 1024 * 1024
"""Bytes of one group, uncompressed."""

_LABEL = descriptor_pb2.FieldDescriptorProto
_FIELDS: dict[str, list[tuple[str, int, int, bool, str]]] = {
    "Content": [("Key", 1, _LABEL.TYPE_BYTES, False, ""), ("Value", 2, _LABEL.TYPE_BYTES, False, "")],
    "Log": [
        ("Time", 1, _LABEL.TYPE_UINT32, False, ""),
        ("Contents", 2, _LABEL.TYPE_MESSAGE, True, ".sls.Content"),
        ("TimeNs", 4, _LABEL.TYPE_FIXED32, False, ""),
    ],
    "LogGroup": [
        ("Logs", 1, _LABEL.TYPE_MESSAGE, True, ".sls.Log"),
        ("Reserved", 2, _LABEL.TYPE_BYTES, False, ""),
        ("Topic", 3, _LABEL.TYPE_BYTES, False, ""),
        ("Source", 4, _LABEL.TYPE_BYTES, False, ""),
        ("MachineUUID", 5, _LABEL.TYPE_BYTES, False, ""),
        ("LogTags", 6, _LABEL.TYPE_MESSAGE, True, ".sls.Content"),
    ],
    "LogGroupList": [("LogGroups", 1, _LABEL.TYPE_MESSAGE, True, ".sls.LogGroup")],
}
"""Messages and their fields: name, number, type, whether repeated, and the message that the field holds.

Texts are bytes here, because values need not be valid UTF-8 on the wire.
"""


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="sandbox_sls.proto", package="sls", syntax="proto2")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated, type_name in fields:
            label = _LABEL.LABEL_REPEATED if repeated else _LABEL.LABEL_OPTIONAL
            message.field.add(
                name=field,
                number=number,
                type=kind,
                label=label,
                type_name=type_name or None,
            )
    pool = descriptor_pool.DescriptorPool()  # a pool of our own: an SDK in the same process has messages of these names
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"sls.{name}")) for name in _FIELDS}


_MESSAGES = _messages()


def decompress(body: bytes, kind: str, raw_size: int) -> bytes:
    """A body as it was before its sender compressed it. Raises CloudError when it does not fit what was announced."""
    if not 0 <= raw_size <= LARGEST_GROUP:
        raise invalid(f"x-log-bodyrawsize {raw_size} is outside 0 to {LARGEST_GROUP}")
    try:
        if kind == "lz4":
            content = lz4.block.decompress(body, uncompressed_size=raw_size)
        elif kind in ("deflate", "gzip"):
            content = zlib.decompressobj().decompress(body, raw_size + 1)
        elif kind == "zstd":
            content = zstd.decompress(body)
        elif kind:
            raise invalid(f"x-log-compresstype {kind!r} is none of lz4, deflate, gzip, zstd")
        else:
            content = body
    except (lz4.block.LZ4BlockError, zlib.error, zstd.Error) as error:
        raise body_invalid(f"the body is not {kind}: {error}") from None
    if len(content) != raw_size:
        raise body_invalid(f"the body has {len(content)} bytes, but x-log-bodyrawsize says {raw_size}")
    return bytes(content)


def compress(content: bytes, accepted: str) -> tuple[bytes, str]:
    """A body in a form that a client accepts (its Accept-Encoding), and that form's name; empty for plain."""
    if "zstd" in accepted:
        return zstd.compress(content, 1), "zstd"
    if "lz4" in accepted:
        return lz4.block.compress(content, store_size=False), "lz4"
    if "gzip" in accepted or "deflate" in accepted:
        return zlib.compress(content), "gzip"
    return content, ""


def parse_group(content: bytes) -> Any:
    """A LogGroup message. Raises CloudError when it is none, or holds a log without a time."""
    group = _MESSAGES["LogGroup"]()
    try:
        group.ParseFromString(content)
    except DecodeError as error:
        raise body_invalid(f"the body is not a LogGroup: {error}") from None
    if any(not log.HasField("Time") for log in group.Logs):
        raise body_invalid("a log has no Time")
    return group


def make_group(entries: Iterable[tuple[int, Mapping[str, str]]], topic: str, source: str) -> bytes:
    """A serialised LogGroup of logs, each a time (seconds since 1970) and fields."""
    group = _MESSAGES["LogGroup"]()
    group.Topic, group.Source = topic.encode(), source.encode()
    for time, fields in entries:
        log = group.Logs.add()
        log.Time = time
        for key, value in fields.items():
            log.Contents.add(Key=key.encode("utf-8", "replace"), Value=value.encode("utf-8", "replace"))
    return bytes(group.SerializeToString())


def group_list(groups: list[bytes]) -> bytes:
    """A LogGroupList of serialised groups."""
    found = _MESSAGES["LogGroupList"]()
    for content in groups:
        found.LogGroups.add().ParseFromString(content)
    return bytes(found.SerializeToString())


def shown_groups(groups: list[bytes]) -> dict[str, Any]:
    """Serialised groups as the newest SDKs read them: as JSON."""
    return {"logGroupList": [_shown(parse_group(content)) for content in groups]}


def _shown(group: Any) -> dict[str, Any]:
    def pairs(contents: Any) -> list[dict[str, str]]:
        return [{"Key": text(content.Key), "Value": text(content.Value)} for content in contents]

    logs = [{"Time": log.Time, "TimeNs": log.TimeNs, "Contents": pairs(log.Contents)} for log in group.Logs]
    return {
        "LogItems": logs,
        "LogTags": pairs(group.LogTags),
        "Topic": text(group.Topic),
        "Source": text(group.Source),
    }


def text(value: bytes) -> str:
    """A text of a message; what is not UTF-8 becomes a replacement character."""
    return value.decode("utf-8", "replace")
