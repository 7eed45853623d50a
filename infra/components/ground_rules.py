"""What holds for every business of a region's cluster, and what no business may change for itself."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra import admission
from infra.components import TYPE_PREFIX
from infra.naming import SERVING_PRIORITY, TRAINING_PRIORITY
from infra.tags import PLATFORM, labels

PRIORITIES = {
    SERVING_PRIORITY: (100_000, "What answers users: takes the place of training when a node is full."),
    TRAINING_PRIORITY: (1_000, "Training: gives way to serving, and goes on with fewer workers."),
}


@dataclass(frozen=True)
class GroundRulesArgs:
    """Ground rules take no settings: they are the same everywhere."""


class GroundRules(pulumi.ComponentResource):
    """Priority classes, and admission rules that the API server itself enforces."""

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
        self.register_outputs({})
