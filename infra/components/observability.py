"""A business's alert rules and dashboard in one region, where the cluster's Prometheus and Grafana find them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra import observability
from infra.components import TYPE_PREFIX
from infra.naming import BusinessNames
from infra.tags import labels

RULES_FOUND_BY = {"prometheus_rule": "1"}
DASHBOARD_FOUND_BY = {"grafana_dashboard": "1"}
"""The labels by which the sidecars of Prometheus and Grafana collect ConfigMaps."""


@dataclass(frozen=True)
class ObservabilityArgs:
    """What the rules and the dashboard are made from."""

    names: BusinessNames
    namespace: pulumi.Input[str]
    timeout_seconds: float


class Observability(pulumi.ComponentResource):
    """Two ConfigMaps, made from the settings like everything else."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Observability", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        names, common = args.names, labels(args.names.business, "observability")
        rules = observability.prometheus_rules(names.business, names.namespace, args.timeout_seconds)
        dashboard = observability.dashboard(names.business, names.region, names.namespace)
        for object_name, file, content, found_by in (
            ("alert-rules", "rules.json", rules, RULES_FOUND_BY),  # a rule file is YAML, of which JSON is a part
            ("dashboard", f"{names.business}.json", dashboard, DASHBOARD_FOUND_BY),
        ):
            kubernetes.core.v1.ConfigMap(
                f"{name}-{object_name}",
                metadata={"name": object_name, "namespace": args.namespace, "labels": {**common, **found_by}},
                data={file: json.dumps(content, indent=2, ensure_ascii=False) + "\n"},
                opts=child,
            )
        self.register_outputs({})
