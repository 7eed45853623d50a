"""The pods of the controllers that stand beside a business's training and servers: one shape for all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.naming import SERVING, SERVING_PRIORITY
from infra.observability import scrape
from infra.workload import CONTAINER_SECURITY, POD_SECURITY, node_selector, probe, resources, tolerations
from trainer.config import ResourceRequest


@dataclass(frozen=True)
class Controller:
    """A program of the controllers' image that runs all the time."""

    command: str
    """Its name after `python3 -m controllers`."""
    port: int
    """Where it answers probes and shows metrics."""
    settings_file: str
    """Where it reads what it is told: a file of its ConfigMap."""
    image: str
    request: ResourceRequest


def pod_template(
    controller: Controller,
    business: str,
    service_account: str,
    config_map: Any,
    common: Mapping[str, str],
    **more: Any,
) -> dict[str, Any]:
    """On the business's serving nodes, to run when training is pushed aside. `more` goes into the pod's spec."""
    folder, _ = controller.settings_file.rsplit("/", 1)
    container = {
        "name": controller.command,
        "image": controller.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "controllers", controller.command, "--settings", controller.settings_file],
        "ports": [{"name": "http", "containerPort": controller.port}],
        "resources": resources(controller.request),
        "startupProbe": probe(controller.port, "/healthz", periodSeconds=2, failureThreshold=60),
        "livenessProbe": probe(controller.port, "/healthz", periodSeconds=10, failureThreshold=3),
        "readinessProbe": probe(controller.port, "/readyz", periodSeconds=5, failureThreshold=3),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "settings", "mountPath": folder, "readOnly": True}],
    }
    return {
        "metadata": {"labels": common, "annotations": scrape(controller.port)},
        "spec": {
            "serviceAccountName": service_account,
            "automountServiceAccountToken": True,
            "nodeSelector": node_selector(business, SERVING),
            "tolerations": tolerations(business),
            "priorityClassName": SERVING_PRIORITY,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
            "volumes": [{"name": "settings", "configMap": {"name": config_map}}],
            **more,
        },
    }
