"""What all settings are made of: immutable models that refuse unknown keys, and options that explain themselves."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Settings(BaseModel):
    """Base of all settings: immutable, strict about types, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def option(meaning: str, *, why: str, default: Any = ..., unit: str = "", **limits: Any) -> Any:
    """An option: its meaning, why it has its default (or, without one, why it must be given), its unit and limits."""
    return Field(default, description=meaning, json_schema_extra={"x-why": why, "x-unit": unit}, **limits)


def _digits_to_text(value: object) -> object:
    """YAML reads an unquoted account id as a number; leading zeros don't occur, so nothing is lost."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _free_of_reserved(key: str) -> str:
    if key.startswith(("aliyun", "acs:")):
        raise ValueError("keys that begin with `aliyun` or `acs:` are the cloud's own")
    return key


AccountId = Annotated[str, BeforeValidator(_digits_to_text), Field(pattern=r"^[0-9]{10,20}$")]
RegionName = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$", max_length=32)]
ZoneName = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z]+(-[a-z0-9]+)*-[a-z]$", max_length=32)]
DnsLine = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]
ShortName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=20)]
TagKey = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9._:-]*$", max_length=128), AfterValidator(_free_of_reserved)]
OwnerName = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=128)]
TagValue = Annotated[str, Field(max_length=128)]
