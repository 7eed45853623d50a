"""A call's parameters, read only by declared names, so that what an action ignores is always known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.cloud.core.errors import CloudError, invalid_parameter, missing_parameter

POSITION = re.compile("[0-9]{1,9}")

COMMON = frozenset(
    {
        "AccessKeyId",
        "Action",
        "ClientToken",
        "Format",
        "RegionId",
        "SecureTransport",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "SourceIp",
        "Timestamp",
        "Version",
        "accept",
        "accept-encoding",
        "endpoint",
        "project",
        "region_id",
        "x-log-bodyrawsize",
        "x-log-compresstype",
    }
)
"""Parameters of the protocol, understood for every action."""


class Parameters:
    """The parameters of one call: flat text of the RPC style (Tag.1.Key), or the JSON body of the ROA style."""

    def __init__(self, values: Mapping[str, Any], honoured: Iterable[str]) -> None:
        self._values = dict(values)
        self._honoured = frozenset(honoured)
        self._read: set[str] = set()

    def ignored(self) -> list[str]:
        """Names given by the caller that the action does not honour, without list positions."""
        return sorted(self._names() - self._honoured - COMMON)

    def unread(self) -> list[str]:
        """Names given by the caller that nothing has looked at: after an action, what it ignored in truth."""
        return sorted(self._names() - self._read - COMMON)

    def _names(self) -> set[str]:
        return {name.split(".")[0] for name, value in self._values.items() if value not in (None, "", [], {})}

    def given(self, name: str) -> bool:
        """Whether the caller sent this parameter, also when empty."""
        self._declared(name)
        return name in self._values or any(key.startswith(name + ".") for key in self._values)

    def raw(self, name: str) -> Any:
        """The value as it came (JSON bodies), or None."""
        self._declared(name)
        return self._values.get(name)

    def text(self, name: str, default: str = "") -> str:
        """The value as text; `default` when absent or empty."""
        value = self.raw(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, dict | list):
            raise invalid_parameter(name, value, "it is a text, not an object or a list")
        return str(value)

    def required(self, name: str) -> str:
        """The value as text; the cloud's error for a missing parameter when absent or empty."""
        value = self.text(name)
        if not value:
            raise missing_parameter(name)
        return value

    def integer(self, name: str, default: int, minimum: int | None = None, maximum: int | None = None) -> int:
        """The value as a whole number within its limits."""
        text = self.text(name, str(default))
        try:
            value = int(text)
        except ValueError:
            raise invalid_parameter(name, text, "it must be a whole number") from None
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            raise invalid_parameter(name, value, f"it must be from {minimum} to {maximum}")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        """The value as true or false."""
        text = self.text(name, "true" if default else "false").lower()
        if text not in ("true", "false"):
            raise invalid_parameter(name, text, "it must be true or false")
        return text == "true"

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        """The value, which must be one of `choices`."""
        text = self.text(name, default)
        allowed = list(choices)
        if text not in allowed:
            raise invalid_parameter(name, text, "it must be one of " + ", ".join(allowed))
        return text

    def texts(self, name: str) -> list[str]:
        """A list of texts: Name.1, Name.2, ..., or one value that is a JSON list."""
        value = self._json_list(name)
        if value is not None:
            return [str(item) for item in value]
        found = []
        for position in self._positions(name):
            found.append(str(self._values.get(f"{name}.{position}", "")))
        return found

    def records(self, name: str) -> list[dict[str, str]]:
        """A list of records: Name.1.Field, ..., or one value that is a JSON list of objects."""
        value = self._json_list(name)
        if value is not None:
            if not all(isinstance(item, dict) for item in value):
                raise invalid_parameter(name, value, "it must be a list of objects")
            return [{str(field): str(content) for field, content in item.items()} for item in value]
        records = []
        for position in self._positions(name):
            prefix = f"{name}.{position}."
            records.append(
                {key.removeprefix(prefix): str(value) for key, value in self._values.items() if key.startswith(prefix)}
            )
        return records

    def tags(self, name: str = "Tag") -> dict[str, str]:
        """Tags: a list of records with Key and Value."""
        tags = {}
        for record in self.records(name):
            key = record.get("Key") or record.get("TagKey") or ""
            if not key:
                raise CloudError("MissingParameter.TagKey", f"A tag in {name} has no key.")
            tags[key] = record.get("Value", record.get("TagValue", ""))
        return tags

    def _declared(self, name: str) -> None:
        if name not in self._honoured and name not in COMMON:
            raise RuntimeError(f"an action reads parameter {name}, which it does not declare as honoured")
        self._read.add(name)

    def _json_list(self, name: str) -> list[Any] | None:
        value = self.raw(name)
        if isinstance(value, str) and value.startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise invalid_parameter(name, value, "it must be a JSON list") from None
        return value if isinstance(value, list) else None

    def _positions(self, name: str) -> list[int]:
        prefix = name + "."
        found = set()
        for key in self._values:
            if key.startswith(prefix):
                position = key.removeprefix(prefix).split(".")[0]
                if POSITION.fullmatch(position):
                    found.add(int(position))
        return sorted(found)
