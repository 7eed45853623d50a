"""No resource outside its business's fences: namespace, labels, tags, names."""

from __future__ import annotations

from collections.abc import Iterator

from infra.naming import BUSINESS_LABEL, PROJECT
from policies.alibaba_cloud.containers import NODE_POOL
from policies.hardening.workloads import WORKLOADS, pod_spec
from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, at, items

ALL_CLOUD, ALL_CLUSTER = "alicloud:*", "kubernetes:*"
NAMESPACE = "kubernetes:core/v1:Namespace"
REQUIRED_TAGS = ("project", "business", "owner", "managed-by")
TAKES_TAGS = frozenset(
    f"alicloud:{token}"
    for token in (
        "oss/bucket:Bucket", "ram/role:Role", "ram/policy:Policy", "vpc/network:Network", "vpc/switch:Switch",
        "vpc/natGateway:NatGateway", "ecs/eipAddress:EipAddress", "ecs/securityGroup:SecurityGroup",
        "cs/managedKubernetes:ManagedKubernetes", "cs/nodePool:NodePool", "kms/key:Key", "log/project:Project",
        "dns/alidnsDomain:AlidnsDomain", "slb/applicationLoadBalancer:ApplicationLoadBalancer",
        "ecs/ecsDisk:EcsDisk", "rds/instance:Instance", "mongodb/instance:Instance",
    )
)  # fmt: skip
"""Cloud objects that take tags. A test holds the list against the provider's SDK and everything the program makes."""
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "PriorityClass", "StorageClass", "CustomResourceDefinition",
                "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")  # fmt: skip
NAMES = (
    "bucket",
    "roleName",
    "policyName",
    "nodePoolName",
    "addressName",
    "vpcName",
    "vswitchName",
    "securityGroupName",
)
"""Inputs that hold a cloud object's own name, where it is ours to choose."""


@rule(
    "namespace-is-the-businesss-own", source="fence", level=Level.MANDATORY, types=(ALL_CLUSTER,),
    description="A business's stack makes its own namespace and acts in no other, nor on the cluster as a whole.",
    reason="A namespace is what quota, network policies and access rights hold for.",
)  # fmt: skip
def namespace_is_the_businesss_own(resource: Resource) -> Iterator[str]:
    """The platform's stack may act anywhere."""
    business = resource.owner.business
    if business is None:
        return
    kind = resource.type.rsplit(":", 1)[-1]
    if kind in CLUSTER_WIDE:
        yield f"a {kind} holds for every business; it belongs to the platform's stack"
        return
    key = "metadata.name" if resource.type == NAMESPACE else "metadata.namespace"
    namespace = resource.at(key)
    if namespace is not UNKNOWN and namespace != business:
        yield f"`{key}` is `{namespace}`; the business `{business}` has the namespace `{business}`"


@rule(
    "labels-name-the-business", source="fence", level=Level.MANDATORY, types=(ALL_CLUSTER,),
    description=f"Every Kubernetes object of a business carries the label {BUSINESS_LABEL}.",
    reason="By it people and controllers tell whose an object is.",
)  # fmt: skip
def labels_name_the_business(resource: Resource) -> Iterator[str]:
    """One message, with the label as it should be."""
    business = resource.owner.business
    labels = resource.at("metadata.labels")
    label = labels.get(BUSINESS_LABEL) if isinstance(labels, dict) else labels
    if business is not None and label is not UNKNOWN and label != business:
        yield f"the label `{BUSINESS_LABEL}` is `{label}`; write `{business}`"


@rule(
    "pods-stay-on-the-businesss-nodes", source="fence", level=Level.MANDATORY, types=WORKLOADS,
    description="A business's pods are bound to its own nodes.",
    reason="On another business's nodes they would starve its work.",
)  # fmt: skip
def pods_stay_on_the_businesss_nodes(workload: Resource) -> Iterator[str]:
    """The nodes' taints keep others out; the selector keeps these in."""
    business = workload.owner.business
    selector = at(pod_spec(workload), "nodeSelector")
    if business is None or selector is UNKNOWN:
        return
    if at(selector, BUSINESS_LABEL) not in (business, UNKNOWN):
        yield f"no `nodeSelector` with `{BUSINESS_LABEL}: {business}`"
    for toleration in items(at(pod_spec(workload), "tolerations")):
        if at(toleration, "key") in (None, "") and at(toleration, "operator") == "Exists":
            yield "it tolerates every taint, other businesses' too; tolerate the business's own"
        if at(toleration, "key") == BUSINESS_LABEL and at(toleration, "value") not in (business, UNKNOWN):
            yield f"it tolerates the taint of `{at(toleration, 'value')}`; tolerate the business's own"


@rule(
    "nodes-are-the-businesss-own", source="fence", level=Level.MANDATORY, types=(NODE_POOL,),
    description="A business's node pool is tainted and labelled for it.",
    reason="Without the taint every pod of the cluster may land there.",
)  # fmt: skip
def nodes_are_the_businesss_own(pool: Resource) -> Iterator[str]:
    """Both: the taint keeps others out, the label brings its own in."""
    business = pool.owner.business
    if business is None:
        return
    for key in ("taints", "labels"):
        found = pool.at(key)
        values = [at(item, "value") for item in items(found) if at(item, "key") == BUSINESS_LABEL]
        if found is not UNKNOWN and values != [business]:
            yield f"`{key}` lack `{BUSINESS_LABEL}` with the value `{business}`"


@rule(
    "tags-are-complete", source="tags", level=Level.MANDATORY, types=(ALL_CLOUD,),
    description="Every cloud object that takes tags has " + ", ".join(f"`{tag}`" for tag in REQUIRED_TAGS) + ".",
    reason="Cost and blame are assigned by them, and what has no owner is never cleaned up.",
)  # fmt: skip
def tags_are_complete(resource: Resource) -> Iterator[str]:
    """Also that they name the stack's own business and project."""
    tags = resource.at("tags")
    if resource.type not in TAKES_TAGS or tags is UNKNOWN:
        return
    wanted = {"project": PROJECT, "business": resource.owner.tag}
    for tag in REQUIRED_TAGS:
        value = at(tags, tag)
        if value is None or value == "":
            yield f"the tag `{tag}` is missing"
        elif value is not UNKNOWN and value != wanted.get(tag, value):
            yield f"the tag `{tag}` is `{value}`; write `{wanted[tag]}`"


@rule(
    "names-hold-the-business", source="fence", level=Level.MANDATORY, types=(ALL_CLOUD,),
    description="The name of a business's cloud object holds the business's name.",
    reason="RAM policies and people tell by the name whose an object is.",
)  # fmt: skip
def names_hold_the_business(resource: Resource) -> Iterator[str]:
    """As a whole word, so that `qa` is not found in `aqab`. Objects that only refer to a bucket have its name too."""
    business = resource.owner.business
    if business is None:
        return
    for key in NAMES:
        name = resource.at(key)
        if isinstance(name, str) and f"-{business}-" not in f"-{name}-":
            yield f"`{key}` is `{name}`, which does not hold `{business}`; take it from infra/naming.py"
