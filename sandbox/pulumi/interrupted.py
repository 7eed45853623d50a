"""What an engine was making when it was killed, and how its stack comes to know it.

Pulumi notes each creation in its state before it begins. After a kill the note is still there, without the identifier
of what was made, if it was: Pulumi then makes it again, and fails where the name is taken. Where the identifier follows
from the inputs, the note becomes a resource of the stack, and a refresh finds out: what is there gets the properties
that it has, and what is not is dropped. (With `--import-pending-creates`, Pulumi 3.256's refresh only drops the note.)

A provider that adopted whatever exists under a name could not tell this from a resource that was renamed in the
program, which Pulumi makes under its new name first and deletes under its old name then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CREATING = "creating"
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Creation:
    """A creation that was begun and whose end is not known."""

    urn: str
    kind: str
    """The resource's type, such as alicloud:oss/bucket:Bucket."""
    inputs: Inputs

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def identifier(self) -> str | None:
        """The identifier that it has if it was made; None where the cloud draws one."""
        if self.kind.startswith("kubernetes:"):
            return _kubernetes(self.inputs)
        of = _IDENTIFIERS.get(self.kind)
        try:
            return None if of is None else of(self.inputs)
        except KeyError:
            return None


def interrupted(export: Mapping[str, Any]) -> list[Creation]:
    """The creations that are pending in a stack, as `pulumi stack export` prints it."""
    operations = (export.get("deployment") or {}).get("pending_operations") or []
    return [
        Creation(found["resource"]["urn"], found["resource"]["type"], found["resource"].get("inputs") or {})
        for found in operations
        if found["type"] == CREATING
    ]


def adopted(export: Mapping[str, Any], creations: Iterable[Creation]) -> dict[str, Any]:
    """The stack with these creations as resources, for `pulumi stack import`; a refresh of them must follow."""
    identifiers = {creation.urn: creation.identifier for creation in creations if creation.identifier is not None}
    deployment = dict(export["deployment"])
    resources, pending = list(deployment.get("resources") or []), []
    for operation in deployment.get("pending_operations") or []:
        resource = operation["resource"]
        if operation["type"] == CREATING and resource["urn"] in identifiers:
            given = resource.get("inputs") or {}
            resources.append({**resource, "id": identifiers[resource["urn"]], "outputs": given})
        else:
            pending.append(operation)
    return {**export, "deployment": {**deployment, "resources": resources, "pending_operations": pending}}


def _kubernetes(inputs: Inputs) -> str | None:
    metadata = inputs.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        return None
    return f"{namespace}/{name}" if namespace else str(name)


_IDENTIFIERS: dict[str, Callable[[Inputs], str]] = {
    "alicloud:dns/alidnsDomain:AlidnsDomain": lambda inputs: str(inputs["domainName"]),
    "alicloud:oss/bucket:Bucket": lambda inputs: str(inputs["bucket"]),
    "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda inputs: str(inputs["bucket"]),
    "alicloud:ram/policy:Policy": lambda inputs: str(inputs["policyName"]),
    "alicloud:ram/role:Role": lambda inputs: str(inputs["roleName"]),
    "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment": lambda inputs: (
        f"role:{inputs['policyName']}:{inputs['policyType']}:{inputs['roleName']}"
    ),
}
"""By type, how an identifier follows from the inputs, in the Terraform provider's form."""
