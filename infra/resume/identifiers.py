"""Identifiers that follow from a resource's inputs, in the form in which the Terraform provider writes them. Pure."""

from __future__ import annotations

from collections.abc import Callable

from infra.resume.state import Creation, Inputs

KUBERNETES = "kubernetes:"


def derived(creation: Creation) -> str | None:
    """The identifier that it has if it was made; None where it does not follow from the inputs."""
    if creation.kind.startswith(KUBERNETES):
        return _kubernetes(creation.inputs)
    of = DERIVED.get(creation.kind)
    try:
        return None if of is None else of(creation.inputs)
    except KeyError:
        return None


def _kubernetes(inputs: Inputs) -> str | None:
    metadata = inputs.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        return None
    return f"{namespace}/{name}" if namespace else str(name)


def _joined(*keys: str) -> Callable[[Inputs], str]:
    return lambda inputs: ":".join(str(inputs[key]) for key in keys)


def _attachment(inputs: Inputs) -> str:
    return f"role:{inputs['policyName']}:{inputs['policyType']}:{inputs['roleName']}"


def _security_group_rule(inputs: Inputs) -> str:
    group, kind, protocol = (str(inputs[key]) for key in ("securityGroupId", "type", "ipProtocol"))
    addresses = str(inputs["cidrIp"]).replace(":", "_")
    ports, network = inputs.get("portRange", "-1/-1"), inputs.get("nicType", "intranet")
    policy, priority = inputs.get("policy", "accept"), int(inputs.get("priority", 1))
    return f"{group}:{kind}:{protocol}:{ports}:{network}:{addresses}:{policy}:{priority}"


DERIVED: dict[str, Callable[[Inputs], str]] = {
    "alicloud:cr/namespace:Namespace": _joined("name"),
    "alicloud:cr/repo:Repo": lambda inputs: f"{inputs['namespace']}/{inputs['name']}",
    "alicloud:cs/autoscalingConfig:AutoscalingConfig": _joined("clusterId"),
    "alicloud:dns/alidnsDomain:AlidnsDomain": _joined("domainName"),
    "alicloud:ecs/eipAssociation:EipAssociation": _joined("allocationId", "instanceId"),
    "alicloud:ecs/securityGroupRule:SecurityGroupRule": _security_group_rule,
    "alicloud:log/project:Project": _joined("projectName"),
    "alicloud:log/store:Store": _joined("projectName", "logstoreName"),
    "alicloud:log/storeIndex:StoreIndex": _joined("project", "logstore"),
    "alicloud:oss/bucket:Bucket": _joined("bucket"),
    "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock": _joined("bucket"),
    "alicloud:ram/policy:Policy": _joined("policyName"),
    "alicloud:ram/role:Role": _joined("roleName"),
    "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment": _attachment,
}
"""By type, how an identifier follows from the inputs."""
