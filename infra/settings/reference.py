"""The reference page of all options, made from the models."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.settings import limits
from infra.settings.loading import KINDS, config_key

HEADER = """# Stack file reference

Made by `python -m infra.settings reference`; don't edit. A stack file holds one of the two keys below, under `config`.
`python -m infra.settings check stacks/` reports every fault of every file; editors that know YAML schemas complete and
check while you type (`stacks/schema.json`).
"""


def reference_page() -> str:
    """The whole page, Markdown."""
    lines = [HEADER]
    for kind, model in KINDS.items():
        lines.append(f"## `{config_key(kind)}`\n\n{_summary(model)}\n")
        for path, nested in _models(model, ""):
            if path:
                lines.append(f"### `{path}`\n\n{_summary(nested)}\n")
            lines.append("| key | meaning | accepts | default | why |\n|---|---|---|---|---|")
            lines.extend(_row(name, field) for name, field in nested.model_fields.items())
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _models(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        nested = limits.model_at(model, (name,))
        if nested is not None:
            many = "[]" if "list" in limits.accepted(field) else ""
            yield from _models(nested, f"{path}.{name}{many}".lstrip("."))


def _row(name: str, field: FieldInfo) -> str:
    unit = limits.unit(field)
    accepts = limits.accepted(field) + (f" ({unit})" if unit else "")
    cells = [f"`{name}`", field.description or "", accepts, _default(field), limits.why(field)]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{json.dumps(changed)}`" if changed else "see below"
    if value in ({}, ()):
        return "none"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int | float) else f"`{value}`"


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()
