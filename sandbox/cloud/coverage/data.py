"""The provider's calls as they were extracted and committed."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.coverage.calls import ProviderCall

DATA = Path(__file__).with_name("provider_calls.json")


class ProviderCalls(BaseModel):
    """What a version of the Terraform provider can call, by "resource.NAME" and "data.NAME"."""

    model_config = ConfigDict(frozen=True)

    provider: str
    resources: dict[str, list[ProviderCall]]


def load() -> ProviderCalls:
    """The committed calls."""
    return ProviderCalls.model_validate_json(DATA.read_text())
