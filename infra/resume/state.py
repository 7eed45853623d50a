"""What an engine was making when it was killed, and how its stack comes to know it. Pure.

Pulumi notes each creation in its state before it begins. After a kill the note is still there, without the identifier
of what was made, if it was: Pulumi then makes it again, and either fails where the name is taken or leaves a second one
where it is not. Here the note becomes a resource of the stack, under the identifier that it has, and a refresh finds
out: what is there gets the properties that it has, and what is not is dropped. (With `--import-pending-creates`, Pulumi
3.256's refresh only drops the note.)

The note stays beside the resource until that refresh is done, so that all of it can be killed and repeated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CREATING = "creating"
ACCOUNT = re.compile(r"\bacs:[a-z]+:[a-z0-9-]*:([0-9]{16}):")
Export = Mapping[str, Any]
"""A stack as `pulumi stack export` prints it."""
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Creation:
    """A creation that was begun and whose end is not known."""

    urn: str
    kind: str
    """The resource's type, such as alicloud:oss/bucket:Bucket."""
    inputs: Inputs
    region: str = ""
    """The region of its provider; empty where it has none, as in a cluster."""
    made: str = ""
    """Its identifier, where a later update made it without regard to the note, which then says nothing any more."""

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    def __str__(self) -> str:
        return f"{self.kind.rpartition(':')[2]} {self.name}"


def creations(export: Export) -> list[Creation]:
    """The creations that are pending in a stack."""
    regions = {
        resource["urn"]: str((resource.get("inputs") or {}).get("region") or "")
        for resource in _resources(export)
        if resource["type"].startswith("pulumi:providers:")
    }
    found = []
    for operation in _pending(export):
        if operation["type"] == CREATING:
            resource = operation["resource"]
            provider = str(resource.get("provider") or "").rpartition("::")[0]
            inputs = resource.get("inputs") or {}
            made = next((str(item["id"]) for item in _resources(export) if _is_made(item, resource)), "")
            found.append(Creation(resource["urn"], resource["type"], inputs, regions.get(provider, ""), made))
    return found


def _is_made(resource: Mapping[str, Any], noted: Mapping[str, Any]) -> bool:
    """Whether a resource is what a note is about, whole; one with other inputs is what it was to replace."""
    return (
        resource["urn"] == noted["urn"]
        and not resource.get("delete")
        and not resource.get("pendingReplacement")
        and not _is_unfinished(resource)
        and resource.get("inputs") == noted.get("inputs")
    )


def _is_unfinished(resource: Mapping[str, Any]) -> bool:
    """Whether it was taken up (`adopted`) and not yet refreshed: the cloud always tells more than it was given."""
    return resource.get("outputs") == resource.get("inputs")


def known_identifiers(export: Export) -> set[tuple[str, str]]:
    """Type and identifier of all that the stack knows, so that nothing is taken for new that is its own already."""
    return {
        (resource["type"], str(resource["id"]))
        for resource in _resources(export)
        if "id" in resource and not _is_unfinished(resource)
    }


def accounts(export: Export) -> set[str]:
    """The accounts that occur in the names of the stack's resources."""
    return set(ACCOUNT.findall(str(_resources(export))))


def adopted(export: Export, identifiers: Mapping[str, str]) -> dict[str, Any]:
    """The stack with these creations (identifiers by URN) as resources, for `pulumi stack import`.

    What a creation was to replace, and still stands under its URN, is marked to be deleted, as the engine would have.
    """
    resources: list[dict[str, Any]] = []
    for resource in _resources(export):
        if resource["urn"] not in identifiers or resource.get("delete"):
            resources.append(resource)
        elif resource.get("pendingReplacement") or str(resource.get("id")) == identifiers[resource["urn"]]:
            continue  # it is gone already, or was taken up before
        else:
            resources.append({**resource, "delete": True})
    for operation in _pending(export):
        resource = operation["resource"]
        if operation["type"] == CREATING and resource["urn"] in identifiers:
            given = resource.get("inputs") or {}
            resources.append({**resource, "id": identifiers[resource["urn"]], "outputs": given})
    return _with(export, resources=resources)


def settled(export: Export, urns: Collection[str]) -> dict[str, Any]:
    """The stack without the notes on these creations."""
    kept = [
        operation
        for operation in _pending(export)
        if operation["type"] != CREATING or operation["resource"]["urn"] not in urns
    ]
    return _with(export, pending_operations=kept)


def present(export: Export, urns: Iterable[str]) -> dict[str, str]:
    """Identifiers of those of these resources that the stack has, by URN."""
    wanted = set(urns)
    return {
        resource["urn"]: str(resource.get("id"))
        for resource in _resources(export)
        if resource["urn"] in wanted and not resource.get("delete")
    }


def _with(export: Export, **changes: Any) -> dict[str, Any]:
    return {**export, "deployment": {**export["deployment"], **changes}}


def _resources(export: Export) -> list[dict[str, Any]]:
    return (export.get("deployment") or {}).get("resources") or []


def _pending(export: Export) -> list[dict[str, Any]]:
    return (export.get("deployment") or {}).get("pending_operations") or []
