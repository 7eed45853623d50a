"""ElasticDL's `--cluster_spec` hook: every pod that it makes gets what its business's fences ask for."""

from __future__ import annotations

from typing import Any

from kubernetes import client

from trainer.config import ClusterSettings
from trainer.elasticdl import context
from trainer.elasticdl.placement import placement

SCRATCH = "/tmp"  # noqa: S108 - an empty directory of the pod's own is mounted there
TERMINATION_SECONDS = 10
USER = 10001
"""The image's own."""


class Cluster:
    """ElasticDL calls `with_pod` and `with_service` on the module's `cluster` for each object before making it."""

    def with_pod(self, pod: Any) -> Any:
        """Where the pod may run, as whom, and that it may do nothing more than that (Pod Security `restricted`)."""
        settings = context.current().job.cluster
        spec = pod.spec
        _place(spec, settings, wants_gpu="nvidia.com/gpu" in (spec.containers[0].resources.requests or {}))
        spec.affinity = placement.affinity()
        spec.service_account_name = settings.service_account
        spec.priority_class_name = settings.priority_class or None
        spec.termination_grace_period_seconds = TERMINATION_SECONDS
        spec.enable_service_links = False
        spec.security_context = client.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,  # lets the user read the projected identity token
            seccomp_profile=client.V1SeccompProfile(type="RuntimeDefault"),
        )
        spec.volumes = [
            *(spec.volumes or []),
            client.V1Volume(name="scratch", empty_dir=client.V1EmptyDirVolumeSource()),
        ]
        for container in spec.containers:
            # ElasticDL limits what it requests. A CPU limit would only slow a pod's start down on an idle node; the
            # request keeps its share when the node is busy. Memory and GPUs stay limited.
            container.resources.limits = {
                name: value for name, value in (container.resources.limits or {}).items() if name != "cpu"
            }
            container.security_context = client.V1SecurityContext(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=client.V1Capabilities(drop=["ALL"]),
            )
            container.volume_mounts = [
                *(container.volume_mounts or []),
                client.V1VolumeMount(name="scratch", mount_path=SCRATCH),
            ]
        pod.metadata.labels["language-models/business"] = context.current().job.business
        return pod

    def with_service(self, service: Any) -> Any:
        """Nothing to add: services stay inside the namespace."""
        return service


def _place(spec: Any, settings: ClusterSettings, *, wants_gpu: bool) -> None:
    """On the business's own nodes. ACK's GPU nodes are tainted for GPU pods in general besides."""
    spec.node_selector = dict(settings.node_selector) or None
    tolerations = [
        client.V1Toleration(**{_snake(key): value for key, value in toleration.items()})
        for toleration in settings.tolerations
    ]
    if wants_gpu:
        tolerations.append(client.V1Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"))
    spec.tolerations = tolerations or None


def _snake(name: str) -> str:
    return "toleration_seconds" if name == "tolerationSeconds" else name


cluster = Cluster()
