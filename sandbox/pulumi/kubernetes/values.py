"""Property values as the engine sends them, and as plain Python values.

Plain values are JSON's, with two additions: `UNKNOWN` stands for a value that is known only after an update, and
`Secret` wraps one that must be encrypted in the state and never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format, struct_pb2

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a protocol constant
OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_TEXTS = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""Sources: `pulumi.runtime.rpc` of the SDK."""


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memory: dict[int, Any]) -> _Unknown:
        return self


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown."""

    value: Any

    def __repr__(self) -> str:
        return "Secret([secret])"


def decode(properties: Any) -> dict[str, Any]:
    """The engine's struct as plain values."""
    decoded = _decode(json_format.MessageToDict(properties))
    return decoded if isinstance(decoded, dict) else {}


def _decode(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_TEXTS else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_decode(element) for element in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE_KEY)
    if signature == SECRET_SIGNATURE:
        return Secret(_decode(value.get("value")))
    if signature == OUTPUT_SIGNATURE:
        inner = _decode(value["value"]) if "value" in value else UNKNOWN
        return Secret(inner) if value.get("secret") else inner
    if signature == RESOURCE_SIGNATURE:
        return _decode(value.get("id") or value.get("urn"))
    return {key: _decode(element) for key, element in value.items()}


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Plain values as the engine's struct."""
    message = struct_pb2.Struct()
    json_format.ParseDict(_encode(dict(properties)), message)
    return message


def _encode(value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, Secret):
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": _encode(value.value)}
    if isinstance(value, dict):
        return {key: _encode(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_encode(element) for element in value]
    return value


def reveal(value: Any) -> Any:
    """The value without the marks of secrecy, to be sent to the cluster; UNKNOWN stays."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(element) for key, element in value.items()}
    if isinstance(value, list):
        return [reveal(element) for element in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part is known only after an update."""
    return any(part is UNKNOWN for part in _leaves(value))


def has_secret(value: Any) -> bool:
    """Whether any part is secret."""
    if isinstance(value, Secret):
        return True
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(has_secret(child) for child in children)


def secret_texts(value: Any) -> set[str]:
    """Every text inside a secret, for masking it in messages that come from elsewhere."""
    if isinstance(value, Secret):
        return {leaf for leaf in _leaves(reveal(value)) if isinstance(leaf, str) and leaf}
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for child in children for text in secret_texts(child)}


def mark_secrets(outputs: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Mark as secret in the outputs what is secret in the inputs, at the same keys.

    A list with a secret anywhere in it becomes secret as a whole, since the server may reorder it.
    """
    marked = dict(outputs)
    for key, given in inputs.items():
        if key not in marked or isinstance(marked[key], Secret):
            continue
        if isinstance(given, dict) and isinstance(marked[key], dict):
            marked[key] = mark_secrets(marked[key], given)
        elif has_secret(given):
            marked[key] = Secret(marked[key])
    return marked


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Secret):
        yield from _leaves(value.value)
    elif isinstance(value, dict):
        for element in value.values():
            yield from _leaves(element)
    elif isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    else:
        yield value
