"""A business's traffic controller in one region: it leads users away from a region that is dead, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from controllers.config.traffic import (
    TRAFFIC_ACTIONS,
    TRAFFIC_FILE,
    TRAFFIC_NAME,
    TRAFFIC_PORT,
    TRAFFIC_RULES,
    TrafficRegionSettings,
    TrafficSettings,
)
from infra.components import TYPE_PREFIX
from infra.components.identity import Identity, Rule
from infra.controller_pod import Controller, pod_template
from infra.naming import BusinessNames
from infra.network_policies import outside
from infra.settings.keeping import TrafficController as Settings
from infra.settings.platform import Network
from infra.tags import labels
from infra.workload import selector

SETTINGS_FILE = TRAFFIC_FILE.rsplit("/", 1)[1]


@dataclass(frozen=True)
class TrafficControllerArgs:
    """What a controller is made from: the entries of all regions, and for each line their order, nearest first."""

    names: BusinessNames
    settings: Settings
    namespace: pulumi.Input[str]
    identity: Identity
    zone: str
    addresses: Mapping[str, pulumi.Input[str]]
    lines: Mapping[str, tuple[str, ...]]
    network: Network
    needs: Sequence[pulumi.Resource]


class TrafficController(pulumi.ComponentResource):
    """The `traffic-controller` deployment, what it is told, what it may reach, and which records it may switch."""

    def __init__(self, name: str, args: TrafficControllerArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:TrafficController", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        access = args.identity.allow([Rule(rule.resources, rule.verbs, rule.api_groups) for rule in TRAFFIC_RULES])
        common = labels(args.names.business, TRAFFIC_NAME)

        def metadata(object_name: pulumi.Input[str]) -> dict[str, Any]:
            return {"name": object_name, "namespace": args.namespace, "labels": common}

        document = pulumi.Output.all(**args.addresses).apply(lambda found: traffic_document(args, found))
        settings = kubernetes.core.v1.ConfigMap(
            f"{name}-traffic-settings",
            metadata=metadata(document.apply(_content_name)),
            immutable=True,
            data={SETTINGS_FILE: document},
            opts=child,
        )
        policy = alicloud.ram.Policy(
            f"{name}-traffic-zone",
            policy_name=args.names.policy(TRAFFIC_NAME, "zone"),
            description=f"Switch records of the zone {args.zone}",
            policy_document=json.dumps(zone_policy(args.zone)),
            tags=dict(args.identity.args.tags),
            opts=child,
        )
        attachment = alicloud.ram.RolePolicyAttachment(
            f"{name}-traffic-zone",
            role_name=args.identity.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=child,
        )
        way_out = kubernetes.networking.v1.NetworkPolicy(
            f"{name}-traffic-way-out",
            metadata=metadata("allow-traffic-controller"),
            spec=outside(args.network, selector(common), (80, 443)),
            opts=child,
        )
        kubernetes.apps.v1.Deployment(
            f"{name}-traffic-controller",
            metadata=metadata(TRAFFIC_NAME),
            spec=deployment_spec(args, settings.metadata.name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access, attachment, way_out, *args.needs]),
        )
        self.register_outputs({})


def traffic_document(args: TrafficControllerArgs, addresses: Mapping[str, str]) -> str:
    """What the controller reads, as JSON."""
    settings = TrafficSettings(
        business=args.names.business,
        namespace=args.names.namespace,
        region=args.names.region,
        zone=args.zone,
        record=args.names.record,
        regions=tuple(TrafficRegionSettings(name=name, address=addresses[name]) for name in args.addresses),
        lines=dict(args.lines),
        timings=args.settings.timings,
    )
    return settings.model_dump_json(indent=2) + "\n"


def _content_name(document: str) -> str:
    return f"{TRAFFIC_NAME}-{hashlib.sha256(document.encode()).hexdigest()[:10]}"


def zone_policy(zone: str) -> dict[str, Any]:
    """Records of the platform's zone. The DNS service has no smaller resource: other businesses' records are in it."""
    return {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": list(TRAFFIC_ACTIONS), "Resource": [f"acs:alidns:*:*:domain/{zone}"]}
        ],
    }


def deployment_spec(args: TrafficControllerArgs, config_map: pulumi.Input[str]) -> dict[str, Any]:
    """One: what it does is a function of what it sees, and the other regions' controllers do the same meanwhile."""
    business, account = args.names.business, args.identity.service_account
    common = labels(business, TRAFFIC_NAME)
    controller = Controller("traffic", TRAFFIC_PORT, TRAFFIC_FILE, args.settings.image, args.settings.request)
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},  # two of one region would write one note
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": selector(common)},
        "template": pod_template(controller, business, account, config_map, common),
    }
