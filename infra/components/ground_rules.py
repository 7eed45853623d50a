"""What holds for every business of a region's cluster, and what no business may change for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from controllers.config.base import Rule as MonitorRule
from controllers.config.monitor import MONITOR_CLUSTER_RULES, MONITOR_HEARTBEAT_NAMESPACE, MONITOR_HEARTBEAT_RULES
from infra import admission
from infra.components import TYPE_PREFIX
from infra.components.identity import Rule
from infra.naming import NODE_WATCHER, SERVING_PRIORITY, TRAINING_PRIORITY
from infra.tags import PLATFORM, labels

PRIORITIES = {
    SERVING_PRIORITY: (100_000, "What answers users: takes the place of training when a node is full."),
    TRAINING_PRIORITY: (1_000, "Training: gives way to serving, and goes on with fewer workers."),
}


@dataclass(frozen=True)
class GroundRulesArgs:
    """Ground rules take no settings: they are the same everywhere."""


class GroundRules(pulumi.ComponentResource):
    """Priority classes, admission rules that the API server itself enforces, and what a business may see of nodes."""

    def __init__(self, name: str, args: GroundRulesArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:GroundRules", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        common = labels(PLATFORM, "ground-rules")
        for priority, (value, description) in PRIORITIES.items():
            kubernetes.scheduling.v1.PriorityClass(
                f"{name}-{priority}",
                metadata={"name": priority, "labels": common},
                value=value,
                description=description,
                opts=child,
            )
        for policy, spec in admission.policies().items():
            rule = kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
                f"{name}-{policy}", metadata={"name": policy, "labels": common}, spec=spec, opts=child
            )
            kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
                f"{name}-{policy}",
                metadata={"name": policy, "labels": common},
                spec=admission.binding(policy),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[rule]),
            )
        kubernetes.rbac.v1.ClusterRole(
            f"{name}-node-watcher",
            metadata={"name": NODE_WATCHER, "labels": common},
            rules=[_rule(rule) for rule in MONITOR_CLUSTER_RULES],
            opts=child,
        )
        kubernetes.rbac.v1.Role(
            f"{name}-node-watcher",
            metadata={"name": NODE_WATCHER, "namespace": MONITOR_HEARTBEAT_NAMESPACE, "labels": common},
            rules=[_rule(rule) for rule in MONITOR_HEARTBEAT_RULES],
            opts=child,
        )
        self.register_outputs({})


def _rule(rule: MonitorRule) -> dict[str, Any]:
    return Rule(rule.resources, rule.verbs, rule.api_groups, rule.resource_names).as_object()
