"""Tags of resources, kept apart from the resources, with the tag actions that most services share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.store import Repository, Store

MAXIMUM_TAGS = 20


class TagSet(BaseModel):
    """The tags of one resource."""

    model_config = ConfigDict(frozen=True)

    resource_type: str
    resource_id: str
    tags: dict[str, str]


class Tags:
    """The tags of one service's resources. Resource types are compared without regard to case."""

    def __init__(self, store: Store, service: str) -> None:
        self._store = store
        self._sets = Repository(store, f"tags-{service}", TagSet)

    def of(self, resource_type: str, resource_id: str) -> dict[str, str]:
        """The tags of a resource."""
        found = self._sets.get(_key(resource_type, resource_id))
        return {} if found is None else dict(found.tags)

    def add(self, resource_type: str, resource_id: str, tags: dict[str, str]) -> None:
        """Add or overwrite tags; raises the cloud's quota error when there would be too many."""
        if not tags:
            return
        with self._store.transaction():
            merged = self.of(resource_type, resource_id) | tags
            if len(merged) > MAXIMUM_TAGS:
                raise CloudError(
                    "QuotaExceeded.TagCount", f"A resource can have {MAXIMUM_TAGS} tags, not {len(merged)}."
                )
            self._write(resource_type, resource_id, merged)

    def remove(self, resource_type: str, resource_id: str, keys: Iterable[str], *, every: bool = False) -> None:
        """Remove these tags, or every one."""
        unwanted = set(keys)
        with self._store.transaction():
            kept = {key: value for key, value in self.of(resource_type, resource_id).items() if key not in unwanted}
            self._write(resource_type, resource_id, {} if every else kept)

    def forget(self, resource_type: str, resource_id: str) -> None:
        """Drop what is kept for a deleted resource."""
        self._sets.delete(_key(resource_type, resource_id))

    def records(self, resource_type: str, resource_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Tags of these resources in the form of ListTagResources; of all of the type when none is named."""
        wanted = set(resource_ids)
        return [
            {"ResourceType": found.resource_type, "ResourceId": found.resource_id, "TagKey": key, "TagValue": value}
            for found in self._sets.list()
            if found.resource_type.lower() == resource_type.lower() and (not wanted or found.resource_id in wanted)
            for key, value in sorted(found.tags.items())
        ]

    def _write(self, resource_type: str, resource_id: str, tags: dict[str, str]) -> None:
        found = TagSet(resource_type=resource_type, resource_id=resource_id, tags=tags)
        self._sets.put(_key(resource_type, resource_id), found)


def _key(resource_type: str, resource_id: str) -> str:
    return f"{resource_type.lower()}/{resource_id}"


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags in the form most answers carry them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
