"""Rules that each cluster's API server enforces on the pods and Services of every business (CEL). Pure.

RBAC says who may make a pod; it cannot say on which node, nor with which priority. A taint keeps others' pods away only
as long as nobody tolerates it. These rules close both gaps, also for pods that a program of a business makes.
"""

from __future__ import annotations

from typing import Any

from infra.naming import BUSINESS_LABEL, SERVING_PRIORITY, TRAINING_PRIORITY

Spec = dict[str, Any]

OWN_NODES = "business-pods-stay-on-own-nodes"
NO_SYSTEM_PRIORITY = "business-pods-have-known-priorities"
NO_BACK_DOORS = "business-services-open-no-back-doors"
_BUSINESS = f"namespaceObject.metadata.labels['{BUSINESS_LABEL}']"


def policies() -> dict[str, Spec]:
    """Each rule's specification by its name."""
    return {
        OWN_NODES: _policy(
            "pods",
            ["CREATE"],
            [
                (
                    f"has(object.spec.nodeSelector) && '{BUSINESS_LABEL}' in object.spec.nodeSelector && "
                    f"object.spec.nodeSelector['{BUSINESS_LABEL}'] == {_BUSINESS}",
                    f"a pod of a business selects the business's own nodes: nodeSelector {BUSINESS_LABEL}",
                ),
                (
                    "!has(object.spec.nodeName) || object.spec.nodeName == ''",
                    "a pod of a business is placed by the scheduler: no nodeName",
                ),
            ],
        ),
        NO_SYSTEM_PRIORITY: _policy(
            "pods",
            ["CREATE"],
            [
                (
                    "!has(object.spec.priorityClassName) || object.spec.priorityClassName in "
                    f"['', '{SERVING_PRIORITY}', '{TRAINING_PRIORITY}']",
                    f"a pod of a business has the priority {SERVING_PRIORITY}, {TRAINING_PRIORITY} or none",
                )
            ],
        ),
        NO_BACK_DOORS: _policy(
            "services",
            ["CREATE", "UPDATE"],
            [
                (
                    "!has(object.spec.externalIPs) || size(object.spec.externalIPs) == 0",
                    "a Service of a business has no externalIPs: they would take others' traffic (CVE-2020-8554)",
                ),
                (
                    "!has(object.spec.type) || object.spec.type in ['ClusterIP', 'LoadBalancer']",
                    "a Service of a business is a ClusterIP or a LoadBalancer",
                ),
            ],
        ),
    }


def binding(policy: str) -> Spec:
    """Enforces a rule in every business's namespace, and in no other."""
    return {
        "policyName": policy,
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {"matchExpressions": [{"key": BUSINESS_LABEL, "operator": "Exists"}]},
        },
    }


def _policy(resource: str, operations: list[str], validations: list[tuple[str, str]]) -> Spec:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": [resource]}
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": expression, "message": message} for expression, message in validations],
    }
