"""Fields that can only be set at creation, so that a change replaces the object, by API group and kind.

The rows are those of the official provider; what they don't name is found by the API server's dry run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

METADATA = ("metadata.name", "metadata.namespace")

_POD = tuple(
    f"spec.{field}"
    for field in (
        *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases"),
        *("hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead"),
        *("preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName"),
        *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace"),
        *("subdomain", "terminationGracePeriodSeconds", "volumes"),
    )
)
_CONTAINER = tuple(
    f"spec.{containers}.*.{field}"
    for containers in ("containers", "initContainers")
    for field in (
        *("args", "command", "env", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe"),
        *("resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy"),
        *("tty", "volumeDevices", "volumeMounts", "workingDir"),
    )
)
_VOLUME_SOURCES = tuple(
    f"spec.{source}"
    for source in (
        *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker"),
        *("gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk"),
        *("portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
    )
)

FORCE_NEW: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "StatefulSet"): (
        *("spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.selector", "spec.serviceName"),
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner", "volumeBindingMode", "reclaimPolicy"),
    ("scheduling.k8s.io", "PriorityClass"): ("value", "preemptionPolicy"),
    ("", "PersistentVolume"): _VOLUME_SOURCES,
    ("", "PersistentVolumeClaim"): (
        *("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName", "spec.volumeMode"),
        *("spec.dataSource", "spec.dataSourceRef"),
    ),
    ("", "Pod"): (*_POD, *_CONTAINER),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Service"): ("spec.clusterIP",),
}
CONFIG_MAP = ("binaryData", "data")
SECRET = ("type", "stringData", "data")


@dataclass(frozen=True)
class Mutability:
    """Whether changed data updates a ConfigMap or a Secret in place; by default it replaces them, so that pods that
    name an auto-named one roll over to the new one."""

    config_maps: bool = False
    secrets: bool = False


def force_new(api_version: str, kind: str, inputs: Mapping[str, Any], mutability: Mutability) -> tuple[str, ...]:
    """Patterns of the fields whose change replaces this object; `*` stands for any element of a list."""
    group = api_version.partition("/")[0] if "/" in api_version else ""
    rows = METADATA + FORCE_NEW.get((group, kind), ())
    frozen = inputs.get("immutable") is True
    if (group, kind) == ("", "ConfigMap") and (frozen or not mutability.config_maps):
        rows += CONFIG_MAP
    if (group, kind) == ("", "Secret") and (frozen or not mutability.secrets):
        rows += SECRET
    return rows


def matches(path: Path, pattern: str) -> bool:
    """Whether a change at the path is a change of the field: at it, below it, or of something that contains it."""
    parts = pattern.split(".")
    return all(want in ("*", have) for want, have in zip(parts, path, strict=False))
