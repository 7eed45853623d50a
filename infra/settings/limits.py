"""What an option accepts, in words: the one source of the limits in error messages and in the reference page."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.settings.positions import Path

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


def field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The option at a path below a model; None where the path leaves the models."""
    annotation: Any = model
    field: FieldInfo | None = None
    for part in path:
        annotation = _without_none(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(part))
            if field is None:
                return None
            annotation = field.annotation
        elif get_origin(annotation) in (tuple, list):
            annotation = get_args(annotation)[0]
        else:
            return field
    return field


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model whose keys stand at a path; None when a plain value stands there."""
    field = field_at(model, path) if path else None
    annotation: Any = field.annotation if field else (None if path else model)
    annotation = _without_none(annotation)
    while get_origin(annotation) in (tuple, list):
        annotation = _without_none(get_args(annotation)[0])
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def accepted(field: FieldInfo) -> str:
    """What the option accepts: its type and bounds."""
    words = [_type_words(field.annotation)]
    words.extend(_bounds(field.metadata, many=get_origin(_without_none(field.annotation)) in (tuple, list, dict)))
    return ", ".join(words)


def why(field: FieldInfo) -> str:
    """Why the option has its default or must be given; empty when its model doesn't say."""
    return _extra(field, "x-why")


def unit(field: FieldInfo) -> str:
    """The option's unit; empty when it has none."""
    return _extra(field, "x-unit")


def _extra(field: FieldInfo, key: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(key, "")) if isinstance(extra, dict) else ""


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not NoneType)
    return annotation


def _type_words(annotation: Any) -> str:
    annotation = _without_none(annotation)
    origin = get_origin(annotation)
    if hasattr(annotation, "__metadata__"):
        return ", ".join([_type_words(get_args(annotation)[0]), *_metadata_bounds(annotation)])
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (tuple, list):
        item = _without_none(get_args(annotation)[0])
        return "a list" if isinstance(item, type) and issubclass(item, BaseModel) else f"a list of {_type_words(item)}"
    if origin is dict:
        return "a mapping of text to text"
    if annotation is IPv4Network:
        return "an address block such as 172.16.0.0/12, with no bit set beyond its prefix"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping"
    return _WORDS.get(annotation, "a value")


def _metadata_bounds(annotation: Any) -> Iterator[str]:
    for item in annotation.__metadata__:
        if isinstance(item, FieldInfo):
            yield from _bounds(item.metadata, many=False)


def _bounds(metadata: list[Any], *, many: bool) -> Iterator[str]:
    noun = "items" if many else "characters"
    for item in metadata:
        for name, words in _BOUNDS.items():
            if getattr(item, name, None) is not None:
                yield words.format(getattr(item, name))
        if getattr(item, "min_length", None) is not None:
            yield f"at least {item.min_length} {noun}"
        if getattr(item, "max_length", None) is not None:
            yield f"at most {item.max_length} {noun}"
        if getattr(item, "pattern", None):
            yield f"matching `{item.pattern}`"
