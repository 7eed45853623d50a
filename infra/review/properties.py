"""What changed in a resource, as a reviewer reads it: path, before, after; secrets masked, long texts by lines."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from infra.review.plan import Step

MISSING = object()
ENGINE_SECRET = "[secret]"  # noqa: S105 - what the engine writes in a secret's place
UNKNOWN = re.compile(
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7|3eeb2bf0-c639-47a8-9e75-3b44932eb421"
    "|6a19a0b0-7e62-4c92-b797-7f8e31da9cc2|dd056dcd-154b-4c76-9bd3-c8f88648b5ff"
)
"""The engine's marks of a value that is known only after the change."""
SECRET_KEY = re.compile(r"(passw|secret|token|credential|private_?key|access_?key|kubeconfig)", re.IGNORECASE)
SECRET_REFERENCE = re.compile(
    r"(secretName|secretKeyRef|tokenPath|automount|serviceAccountToken|secretRef)", re.IGNORECASE
)
NOISE = ("__defaults", "__internal", "pulumi.com/")
LONGEST = 100
LONGEST_DIFFERENCE = 40


def parts(path: str) -> list[str | int]:
    """A property path's parts: `spec.hard["requests.cpu"]` and `taints[0].key`."""
    found: list[str | int] = []
    for quoted, index, plain in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', path):
        found.append(int(index) if index else plain or quoted.replace('\\"', '"'))
    return found


def value_at(inputs: Mapping[str, Any] | None, path: str) -> Any:
    """The value at a path, MISSING where there is none."""
    value: Any = inputs if inputs is not None else MISSING
    for part in parts(path):
        try:
            value = value[part]
        except (LookupError, TypeError):
            return MISSING
    return value


def differences(step: Step) -> Iterator[str]:
    """A line (or a block) of Markdown for each property that changes."""
    for path in step.changed:
        if any(noise in path for noise in NOISE):
            continue
        before, after = value_at(step.old, path), value_at(step.new, path)
        if is_secret(path):
            yield f"`{path}`: changed (masked)"
        elif (documents := (_document(before), _document(after))) and None not in documents:
            yield f"`{path}`:\n{_difference(*map(str, documents))}"
        else:
            yield f"`{path}`: {shown(before)} → {shown(after)}"


def shorter_history(step: Step) -> list[tuple[int, int]]:
    """Where a bucket's old versions are to be deleted sooner: the days before, and after."""
    found = []
    for path in step.changed:
        before, after = value_at(step.old, path), value_at(step.new, path)
        numbers = isinstance(before, int | float) and isinstance(after, int | float)
        if numbers and re.search(r"[eE]xpirations?\[\d+\]\.days$", path) and after < before:
            found.append((int(before), int(after)))
    return found


def is_secret(path: str) -> bool:
    """Whether the property's name says that its value is nobody's business; names of secrets are not secret."""
    return bool(SECRET_KEY.search(path)) and not SECRET_REFERENCE.search(path)


def shown(value: Any) -> str:
    """A value in a line of Markdown."""
    if value is MISSING or value is None:
        return "(nothing)"
    if value == ENGINE_SECRET:
        return "(secret)"
    if isinstance(value, str) and UNKNOWN.fullmatch(value):
        return "(known after the change)"
    text = value if isinstance(value, str) else json.dumps(_masked(value), ensure_ascii=False, sort_keys=True)
    text = UNKNOWN.sub("(known after)", " ".join(text.split())).replace("`", "'")
    return f"`{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}`"


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: "(masked)" if is_secret(str(key)) else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _document(value: Any) -> str | None:
    """A text of several lines, one line of JSON spread out; None for anything else."""
    if not isinstance(value, str):
        return None
    if value.startswith(("{", "[")):
        with suppress(ValueError):
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    return value if "\n" in value.strip() else None


def _difference(before: str, after: str) -> str:
    """The lines that differ, with a line around them; lines that name a secret are masked."""
    found = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
    lines = [f"{line[:1]} (masked)" if is_secret(line) else line.replace("```", "'''") for line in found]
    if len(lines) > LONGEST_DIFFERENCE:
        lines = [*lines[:LONGEST_DIFFERENCE], f"… {len(lines) - LONGEST_DIFFERENCE} lines more"]
    return "\n".join(["  ```diff", *(f"  {line}" for line in lines), "  ```"])
