"""What answers a business's users in one region: servers, and the Service that its load balancer leads to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.components import TYPE_PREFIX
from infra.components.identity import Identity
from infra.naming import MODELS, SERVING, SERVING_PRIORITY, BusinessNames
from infra.observability import scrape
from infra.settings.business import Business
from infra.settings.serving import Serving as ServingSettings
from infra.tags import labels
from infra.workload import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    node_selector,
    probe,
    resources,
    selector,
    spread,
    tolerations,
)
from trainer.config import ServingJob

SETTINGS_FILE = "serving.json"
SETTINGS_FOLDER = "/etc/serving"
CACHE_FOLDER = "/cache"
PUBLIC_PORT = 80
SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
"""A server is ready once there is a model, which the first training makes hours after the first `pulumi up`."""
LOAD_BALANCER = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"


@dataclass(frozen=True)
class ServingArgs:
    """What serving is made from."""

    names: BusinessNames
    business: Business
    namespace: pulumi.Input[str]
    identity: Identity
    load_balancer_id: pulumi.Input[str]
    needs: Sequence[pulumi.Resource]


class Serving(pulumi.ComponentResource):
    """The `serving` deployment, its settings, its autoscaler, its budget of disruptions and its Service.

    The number of servers is the autoscaler's: it is neither sent nor compared.
    """

    deployment_name: pulumi.Output[str]

    def __init__(self, name: str, args: ServingArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Serving", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.identity = args.identity
        settings = args.business.serving
        document = serving_job(args.names, args.business).model_dump_json(indent=2) + "\n"
        digest = hashlib.sha256(document.encode()).hexdigest()[:10]
        common = labels(args.names.business, SERVING)

        def metadata(object_name: str, **more: Any) -> dict[str, Any]:
            return {"name": object_name, "namespace": args.namespace, "labels": common, **more}

        config_map = kubernetes.core.v1.ConfigMap(
            f"{name}-serving-settings",
            metadata=metadata(f"{SERVING}-{digest}"),
            immutable=True,
            data={SETTINGS_FILE: document},
            opts=child,
        )
        deployment = kubernetes.apps.v1.Deployment(
            f"{name}-servers",
            metadata=metadata(SERVING, annotations=SKIP_AWAIT),
            spec=deployment_spec(args, config_map.metadata.name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.needs)),
        )
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
            f"{name}-server-autoscaler",
            metadata=metadata(SERVING),
            spec=autoscaler_spec(settings),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-server-budget",
            metadata=metadata(SERVING),
            spec={"maxUnavailable": 1, "selector": {"matchLabels": selector(common)}},
            opts=child,
        )
        kubernetes.core.v1.Service(
            f"{name}-entry",
            metadata=metadata(SERVING, annotations={**SKIP_AWAIT, **lent(args.load_balancer_id)}),
            spec={
                "type": "LoadBalancer",
                "selector": selector(common),
                "ports": [{"name": "http", "port": PUBLIC_PORT, "targetPort": settings.server.port, "protocol": "TCP"}],
            },
            opts=child,
        )
        self.deployment_name = deployment.metadata.apply(lambda metadata: metadata.name or "")
        self.register_outputs({"deployment_name": self.deployment_name})


def serving_job(names: BusinessNames, business: Business) -> ServingJob:
    """What the server reads: the team's settings, and the places that the program adds."""
    return ServingJob(
        business=names.business,
        kind=business.kind,
        region=names.region,
        bucket=names.bucket(MODELS),
        serving=business.serving.server.model_copy(update={"cache_directory": CACHE_FOLDER}),
    )


def lent(load_balancer_id: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Annotations by which a Service uses a load balancer that is not its own, and sets up its listeners."""
    return {f"{LOAD_BALANCER}id": load_balancer_id, f"{LOAD_BALANCER}force-override-listeners": "true"}


def deployment_spec(args: ServingArgs, config_map: pulumi.Input[str]) -> dict[str, Any]:
    """Servers that are replaced one by one, each only after its successor answers."""
    business, settings = args.names.business, args.business.serving
    common = labels(business, SERVING)
    return {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": selector(common)},
        "template": {
            "metadata": {"labels": common, "annotations": scrape(settings.server.port)},
            "spec": {
                "serviceAccountName": args.identity.service_account,
                "automountServiceAccountToken": False,
                "nodeSelector": node_selector(business, SERVING),
                "tolerations": tolerations(business),
                "topologySpreadConstraints": spread(common),
                "priorityClassName": SERVING_PRIORITY,
                "terminationGracePeriodSeconds": settings.server.termination_grace_seconds,
                "enableServiceLinks": False,
                "securityContext": POD_SECURITY,
                "containers": [_container(settings, settings.image or args.business.training.image)],
                "volumes": [
                    {"name": "settings", "configMap": {"name": config_map}},
                    {"name": "cache", "emptyDir": {"sizeLimit": "256Mi"}},
                    {"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}},
                ],
            },
        },
    }


def autoscaler_spec(settings: ServingSettings) -> dict[str, Any]:
    """More servers at once when the load grows, twice as many or four more, whichever is more; fewer only after five
    quiet minutes, one a minute."""
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVING},
        "minReplicas": settings.replicas.minimum,
        "maxReplicas": settings.replicas.maximum,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": settings.cpu_utilization_percent},
                },
            }
        ],
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 15},
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 300,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            },
        },
    }


def _container(settings: ServingSettings, image: str) -> dict[str, Any]:
    port = settings.server.port
    return {
        "name": "server",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "trainer", "serve", "--settings", f"{SETTINGS_FOLDER}/{SETTINGS_FILE}"],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - an empty directory of the pod's own
        "ports": [{"name": "http", "containerPort": port}],
        "resources": resources(settings.request),
        "startupProbe": probe(port, "/healthz", periodSeconds=2, failureThreshold=60),
        "livenessProbe": probe(port, "/healthz", periodSeconds=10, failureThreshold=3),
        "readinessProbe": probe(port, "/readyz", periodSeconds=3, failureThreshold=2),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True},
            {"name": "cache", "mountPath": CACHE_FOLDER},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
