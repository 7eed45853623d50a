"""The guide's section "Network separation and hardening", and admission: the fences of each namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.model import Level, Plan, Resource, Violation, plan_rule, rule
from policies.values import UNKNOWN, differs, items

SEPARATION = "Network separation and hardening"
NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
RESOURCE_QUOTA = "kubernetes:core/v1:ResourceQuota"
LIMIT_RANGE = "kubernetes:core/v1:LimitRange"
ENFORCED = "pod-security.kubernetes.io/enforce"
DIRECTIONS = ("Ingress", "Egress")
SNIPPETS = ("configuration-snippet", "server-snippet", "location-snippet", "stream-snippet", "auth-snippet")


def _objects_in(plan: Plan, type_token: str, namespace: Resource) -> list[Resource]:
    """Objects of a namespace, by its name, or by what they were made after where the name is not known yet."""
    name = namespace.at("metadata.name")
    return [
        item
        for item in plan.of(type_token)
        if item.at("metadata.namespace") == name
        or (item.at("metadata.namespace") is UNKNOWN and namespace.urn in item.depends_on)
    ]


def _denies(policy: Resource) -> set[str]:
    """The directions that a policy shuts for all pods of its namespace."""
    selector = policy.at("spec.podSelector")
    if selector is UNKNOWN or any(selector.get(key) for key in ("matchLabels", "matchExpressions")):
        return set()
    types: list[Any] = items(policy.at("spec.policyTypes")) or ["Ingress"]
    return {direction for direction in types if not policy.at(f"spec.{str(direction).lower()}")}


@plan_rule(
    "a-namespace-limits-resources", source=f"{SEPARATION} (resource policies), C-0009", level=Level.MANDATORY,
    description="A namespace has a ResourceQuota and a LimitRange.",
    reason="Without them one namespace starves the others of the cluster.",
)  # fmt: skip
def a_namespace_limits_resources(plan: Plan) -> Iterator[Violation]:
    """One message for each that lacks."""
    for namespace in plan.of(NAMESPACE):
        for type_token in (RESOURCE_QUOTA, LIMIT_RANGE):
            if not _objects_in(plan, type_token, namespace):
                yield Violation(f"no {type_token.rsplit(':', 1)[-1]} in it; add one", namespace)


@plan_rule(
    "a-namespace-is-shut-by-default", source=f"{SEPARATION}, C-0030", level=Level.MANDATORY,
    description="In a namespace a NetworkPolicy denies all pods everything that no other policy allows.",
    reason="What is not denied is allowed, to every pod of every business.",
)  # fmt: skip
def a_namespace_is_shut_by_default(plan: Plan) -> Iterator[Violation]:
    """Both directions."""
    for namespace in plan.of(NAMESPACE):
        shut = set().union(*map(_denies, _objects_in(plan, NETWORK_POLICY, namespace)))
        for direction in DIRECTIONS:
            if direction not in shut:
                yield Violation(
                    f"no policy denies {direction.lower()} by default; add one with an empty podSelector and "
                    f"`policyTypes: [{direction}]`", namespace,
                )  # fmt: skip


@plan_rule(
    "a-namespace-has-network-policies", source=f"{SEPARATION}, C-0054", level=Level.MANDATORY,
    description="A namespace has NetworkPolicies.", reason="Without any its pods talk to all pods of the cluster.",
)  # fmt: skip
def a_namespace_has_network_policies(plan: Plan) -> Iterator[Violation]:
    """Whether they shut anything is another rule's."""
    for namespace in plan.of(NAMESPACE):
        if not _objects_in(plan, NETWORK_POLICY, namespace):
            yield Violation("no NetworkPolicy in it; add one that denies, and one for each opening", namespace)


@rule(
    "no-snippets-in-ingresses", source=f"{SEPARATION}, C-0059 (CVE-2021-25742)", level=Level.MANDATORY,
    types=(INGRESS,), description="An Ingress brings no nginx configuration of its own.",
    reason="Through it one namespace reads every Secret of the cluster.",
)  # fmt: skip
def no_snippets_in_ingresses(ingress: Resource) -> Iterator[str]:
    """Every annotation that takes free configuration."""
    annotations = ingress.at("metadata.annotations")
    for key in annotations if isinstance(annotations, dict) else ():
        if key.startswith("nginx.ingress.kubernetes.io/") and key.endswith(SNIPPETS):
            yield f"the annotation `{key}` is refused; use the controller's own settings"


@rule(
    "a-namespace-confines-its-pods", source="Pod security (admission), C-0068", level=Level.MANDATORY,
    types=(NAMESPACE,), description="A namespace enforces a Pod Security Standard, baseline or restricted.",
    reason="A person or a controller may add what the program never would; it took the place of PodSecurityPolicy.",
)  # fmt: skip
def a_namespace_confines_its_pods(namespace: Resource) -> Iterator[str]:
    """The label is read by the API server's own admission."""
    labels = namespace.at("metadata.labels")
    level = labels.get(ENFORCED) if isinstance(labels, dict) else labels
    if differs(level, "baseline", "restricted"):
        yield f"add the label `{ENFORCED}: restricted` (or baseline)"
