"""The JSON Schema of a stack file, so that editors complete and check while a team types."""

from __future__ import annotations

import json
from typing import Any

from infra.settings.loading import KINDS, config_key

URL = "http://json-schema.org/draft-07/schema#"


def stack_file_schema() -> dict[str, Any]:
    """Schema of the whole file: our key under `config`, and what Pulumi itself writes."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for kind, model in KINDS.items():
        schema = model.model_json_schema(ref_template="#/definitions/{model}")
        definitions.update(schema.pop("$defs", {}))
        definitions[model.__name__] = schema
        properties[config_key(kind)] = {"$ref": f"#/definitions/{model.__name__}"}
    return {
        "$schema": URL,
        "title": "A stack file of language-model-clusters",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "properties": properties,
                "patternProperties": {"^pulumi:": {}},
                "additionalProperties": False,
                "oneOf": [{"required": [config_key(kind)]} for kind in KINDS],
            },
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi."},
            "encryptedkey": {"type": "string", "description": "Written by Pulumi."},
            "secretsprovider": {"type": "string", "description": "Written by Pulumi."},
            "environment": {"description": "Pulumi ESC environments."},
        },
        "definitions": _plain(definitions),
    }


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(stack_file_schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """Without the titles that pydantic makes from names: they only repeat the key."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not (key == "title" and isinstance(item, str))}
    return [_plain(item) for item in value] if isinstance(value, list) else value
