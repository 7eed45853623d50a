"""Reads a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from controllers.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)


def read_settings(path: str, kind: type[Model]) -> Model:
    """The file's settings. Raises SettingsError naming key, value and limit."""
    try:
        return kind.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, entry['loc'])) or 'document'}: {entry['msg']} (given: {str(entry['input'])[:60]!r})"
            for entry in error.errors()
        )
        raise SettingsError(f"{path}: {reasons}") from error
