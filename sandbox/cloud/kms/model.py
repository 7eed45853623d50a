"""Domain objects of the KMS service and where they are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags


class Key(BaseModel):
    """A key's facts."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    version: str
    created: datetime.datetime
    description: str
    usage: str
    specification: str
    origin: str
    protection_level: str
    state: Literal["Enabled", "Disabled", "PendingDeletion"] = "Enabled"
    rotation: bool = False
    rotation_interval: str = ""
    deletion_protection: bool = False
    deletion_protection_description: str = ""
    policy: str = ""
    delete_date: datetime.datetime | None = None


class Alias(BaseModel):
    """Another name of a key."""

    model_config = ConfigDict(frozen=True)

    name: str
    region: str
    key_id: str

    @property
    def identifier(self) -> str:
        """Under which it is kept: names are unique in a region."""
        return f"{self.region}/{self.name}"


class Material(BaseModel):
    """A version of a key's material. It is never shown, and its representation does not hold it."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    version: str
    created: datetime.datetime
    secret: str = Field(repr=False)
    """256 bits, hexadecimal."""


@dataclass
class Keys:
    """All that the KMS service keeps."""

    store: Store

    def __post_init__(self) -> None:
        self.keys = Repository(self.store, "kms-key", Key)
        self.aliases = Repository(self.store, "kms-alias", Alias)
        self.materials = Repository(self.store, "kms-material", Material)
        self.tags = Tags(self.store, "kms")

    def materials_of(self, key_id: str) -> list[Material]:
        """The versions of a key's material, oldest first."""
        return [material for material in self.materials.list() if material.key_id == key_id]
