"""A business's training in one region: the deployment that launches the ElasticDL job and follows it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.components import TYPE_PREFIX
from infra.components.identity import Identity, Rule
from infra.naming import DATA, MODELS, SERVING, TRAINING, TRAINING_PRIORITY, BusinessNames
from infra.observability import scrape
from infra.settings.training import Training as TrainingSettings
from infra.tags import labels
from infra.workload import CONTAINER_SECURITY, POD_SECURITY, node_selector, probe, resources, selector, tolerations
from trainer.config import ClusterSettings, LeaseSettings, TrainingJob

SETTINGS_FILE = "training.json"
SETTINGS_FOLDER = "/etc/training"
STATUS_PORT = 8080
START_TIMEOUT = "15m"

RULES = (
    Rule(("pods",), ("create", "get", "list", "watch", "patch", "delete")),
    Rule(("pods/log",), ("get",)),
    Rule(("services",), ("create", "get", "list", "delete")),
)
"""What launcher, master and parameter servers do, as measured on a run; nothing cluster-wide, no secrets."""


@dataclass(frozen=True)
class TrainingArgs:
    """What the training is made from."""

    names: BusinessNames
    settings: TrainingSettings
    namespace: pulumi.Input[str]
    identity: Identity
    needs: Sequence[pulumi.Resource]
    lease: LeaseSettings | None
    """By which regions agree which of them trains; None for a business in one region."""
    active: bool
    """Whether this region trains; in the others the deployment stands by, stopped."""


class Training(pulumi.ComponentResource):
    """The `training` deployment with its settings. Its launcher waits on a serving node, so that no GPU waits too."""

    deployment_name: pulumi.Output[str]

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Training", name, None, opts)
        self.identity = args.identity
        access = args.identity.allow(RULES)
        document = training_job(args.names, args.settings, args.lease).model_dump_json(indent=2) + "\n"
        digest = hashlib.sha256(document.encode()).hexdigest()[:10]
        common = labels(args.names.business, TRAINING)
        # Immutable and named by its content: an edit makes a new one, and the new name rolls the deployment.
        settings = kubernetes.core.v1.ConfigMap(
            f"{name}-settings",
            metadata={"name": f"{TRAINING}-{digest}", "namespace": args.namespace, "labels": common},
            immutable=True,
            data={SETTINGS_FILE: document},
            opts=pulumi.ResourceOptions(parent=self),
        )
        deployment = kubernetes.apps.v1.Deployment(
            f"{name}-launcher",
            metadata={"name": TRAINING, "namespace": args.namespace, "labels": common},
            spec=deployment_spec(args, settings.metadata.name),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[access, *args.needs],
                custom_timeouts=pulumi.CustomTimeouts(create=START_TIMEOUT, update=START_TIMEOUT),
            ),
        )
        self.deployment_name = deployment.metadata.apply(lambda metadata: metadata.name or "")
        self.register_outputs({"deployment_name": self.deployment_name})


def training_job(names: BusinessNames, settings: TrainingSettings, lease: LeaseSettings | None = None) -> TrainingJob:
    """The job as the trainer reads it: the team's settings, and the places and fences that the program adds."""
    return TrainingJob(
        job_name=settings.job_name,
        business=names.business,
        namespace=names.namespace,
        region=names.region,
        image=settings.image,
        bucket=names.bucket(DATA),
        models_bucket=names.bucket(MODELS),
        lease=lease,
        model=settings.model,
        schedule=settings.schedule,
        cluster=ClusterSettings(
            workers=settings.workers,
            maximum_workers=settings.maximum_workers,
            standby_workers=settings.standby_workers,
            parameter_servers=settings.parameter_servers,
            master=settings.master,
            worker=settings.worker,
            parameter_server=settings.parameter_server,
            node_selector=node_selector(names.business, TRAINING),
            tolerations=tolerations(names.business),
            service_account=TRAINING,
            priority_class=TRAINING_PRIORITY,
        ),
    )


def deployment_spec(args: TrainingArgs, config_map: pulumi.Input[str]) -> dict[str, Any]:
    """One launcher at a time (Recreate): two would start the same job twice."""
    business = args.names.business
    common = labels(business, TRAINING)
    return {
        "replicas": 1 if args.active else 0,
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 900,
        "selector": {"matchLabels": selector(common)},
        "template": {
            "metadata": {"labels": common, "annotations": scrape(STATUS_PORT)},
            "spec": {
                "serviceAccountName": args.identity.service_account,
                "automountServiceAccountToken": True,
                "nodeSelector": node_selector(business, SERVING),
                "tolerations": tolerations(business),
                "priorityClassName": TRAINING_PRIORITY,
                "terminationGracePeriodSeconds": 30,
                "securityContext": POD_SECURITY,
                "containers": [_container(args.settings)],
                "volumes": [
                    {"name": "settings", "configMap": {"name": config_map}},
                    {"name": "scratch", "emptyDir": {"sizeLimit": "4Gi"}},
                ],
            },
        },
    }


def _container(settings: TrainingSettings) -> dict[str, Any]:
    return {
        "name": "launcher",
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "trainer", "launch", "--config", f"{SETTINGS_FOLDER}/{SETTINGS_FILE}"],
        "env": [{"name": "HOME", "value": "/scratch"}, {"name": "TMPDIR", "value": "/scratch"}],
        "ports": [{"name": "status", "containerPort": STATUS_PORT}],
        "resources": resources(settings.launcher),
        "startupProbe": probe(STATUS_PORT, "/healthz", periodSeconds=2, failureThreshold=150),
        "livenessProbe": probe(STATUS_PORT, "/healthz", periodSeconds=20, failureThreshold=3),
        "readinessProbe": probe(STATUS_PORT, "/readyz", periodSeconds=5, failureThreshold=3),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch"},
        ],
    }
