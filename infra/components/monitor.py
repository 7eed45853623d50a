"""A business's status monitor in one region: two replicas, of which one watches its ElasticDL job and repairs it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from controllers.config.monitor import (
    MONITOR_FILE,
    MONITOR_HEARTBEAT_NAMESPACE,
    MONITOR_NAME,
    MONITOR_PORT,
    MONITOR_RULES,
    MonitorSettings,
)
from infra.components import TYPE_PREFIX
from infra.components.identity import Identity, Rule
from infra.controller_pod import Controller, pod_template
from infra.naming import BUSINESS_LABEL, DATA, NODE_WATCHER, BusinessNames
from infra.settings.monitor import REPLICAS
from infra.settings.monitor import Monitor as Settings
from infra.settings.training import Training
from infra.tags import labels
from infra.workload import selector, spread

SETTINGS_FILE = MONITOR_FILE.rsplit("/", 1)[1]


@dataclass(frozen=True)
class MonitorArgs:
    """What a monitor is made from."""

    names: BusinessNames
    settings: Settings
    training: Training
    namespace: pulumi.Input[str]
    identity: Identity
    needs: Sequence[pulumi.Resource]
    active: bool
    """Whether this region trains; in the others there is nothing to watch, and the deployment stands by, stopped."""


class Monitor(pulumi.ComponentResource):
    """The `status-monitor` deployment, what it is told, and what it may read and do."""

    def __init__(self, name: str, args: MonitorArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Monitor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        access = args.identity.allow(
            [Rule(rule.resources, rule.verbs, rule.api_groups, rule.resource_names) for rule in MONITOR_RULES]
        )
        document = monitor_settings(args).model_dump_json(indent=2) + "\n"
        digest = hashlib.sha256(document.encode()).hexdigest()[:10]
        common = labels(args.names.business, MONITOR_NAME)

        def metadata(object_name: str) -> dict[str, Any]:
            return {"name": object_name, "namespace": args.namespace, "labels": common}

        settings = kubernetes.core.v1.ConfigMap(
            f"{name}-monitor-settings",
            metadata=metadata(f"{MONITOR_NAME}-{digest}"),
            immutable=True,
            data={SETTINGS_FILE: document},
            opts=child,
        )
        subject = {
            "kind": "ServiceAccount",
            "name": args.identity.service_account,
            "namespace": args.namespace,
        }
        # Nodes and their heartbeats belong to no namespace of the business: the platform's own roles let it look.
        watching = f"{args.names.namespace}-{MONITOR_NAME}"
        nodes = kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-monitor-nodes",
            metadata={"name": watching, "labels": common},
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NODE_WATCHER},
            subjects=[subject],
            opts=child,
        )
        heartbeats = kubernetes.rbac.v1.RoleBinding(
            f"{name}-monitor-heartbeats",
            metadata={"name": watching, "namespace": MONITOR_HEARTBEAT_NAMESPACE, "labels": common},
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NODE_WATCHER},
            subjects=[subject],
            opts=child,
        )
        kubernetes.apps.v1.Deployment(
            f"{name}-monitor",
            metadata=metadata(MONITOR_NAME),
            spec=deployment_spec(args, settings.metadata.name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access, nodes, heartbeats, *args.needs]),
        )
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-monitor-budget",
            metadata=metadata(MONITOR_NAME),
            spec={"maxUnavailable": 1, "selector": {"matchLabels": selector(common)}},
            opts=child,
        )
        self.register_outputs({})


def monitor_settings(args: MonitorArgs) -> MonitorSettings:
    """What the monitor reads: the team's limits, and the job that the program started."""
    training = args.training
    return MonitorSettings(
        business=args.names.business,
        namespace=args.names.namespace,
        region=args.names.region,
        job_name=training.job_name,
        bucket=args.names.bucket(DATA),
        workers=training.workers,
        parameter_servers=training.parameter_servers,
        node_selector={BUSINESS_LABEL: args.names.business},
        detection=args.settings.detection,
        repairs=args.settings.repairs,
    )


def deployment_spec(args: MonitorArgs, config_map: pulumi.Input[str]) -> dict[str, Any]:
    """Two replicas; the one that does not lead is ready to, so that a rollout never leaves the job unwatched."""
    business, account = args.names.business, args.identity.service_account
    common = labels(business, MONITOR_NAME)
    controller = Controller("monitor", MONITOR_PORT, MONITOR_FILE, args.settings.image, args.settings.request)
    return {
        "replicas": REPLICAS if args.active else 0,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": selector(common)},
        "template": pod_template(
            controller, business, account, config_map, common, topologySpreadConstraints=spread(common)
        ),
    }
