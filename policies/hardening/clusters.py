"""What the guide asks of a cluster, as far as ACK lets its customer say it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.alibaba_cloud.containers import CLUSTERS
from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, is_off

SAFE_FROM_SYMLINKS = (1, 22, 2)


@rule(
    "cluster-is-safe-from-symlinks", source="Upgrading, C-0058 (CVE-2021-25741)", level=Level.MANDATORY,
    types=CLUSTERS, description="The cluster's version is one that CVE-2021-25741 was mended in.",
    reason="Before, a pod reached the node's files through a volume's subPath.",
)  # fmt: skip
def cluster_is_safe_from_symlinks(cluster: Resource) -> Iterator[str]:
    """A cluster without a version gets ACK's newest."""
    version = cluster.at("version")
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version) if isinstance(version, str) else None
    if found and tuple(map(int, found.groups())) < SAFE_FROM_SYMLINKS:
        yield f"version {version} is older than {'.'.join(map(str, SAFE_FROM_SYMLINKS))}; upgrade"


@rule(
    "cluster-encrypts-secrets", source="Authentication and authorization (secrets), C-0066", level=Level.ADVISORY,
    types=CLUSTERS, description="A KMS key encrypts the Secrets of the cluster.",
    reason="A copy of etcd's disk then tells nothing.",
)  # fmt: skip
def cluster_encrypts_secrets(cluster: Resource) -> Iterator[str]:
    """It can be said at creation alone, hence advisory: a running cluster would be replaced."""
    if is_off(cluster.at("encryptionProviderKey")):
        yield "no `encryptionProviderKey`; name a KMS key when the cluster is made"


@rule(
    "cluster-logs-its-audit", source="Audit logging and threat detection, C-0067", level=Level.ADVISORY,
    types=CLUSTERS, description="The API server writes an audit log.", reason="Who did what is asked after the fact.",
)  # fmt: skip
def cluster_logs_its_audit(cluster: Resource) -> Iterator[str]:
    """It goes to a log project."""
    audit = cluster.at("auditLogConfig")
    if audit is not UNKNOWN and is_off(cluster.at("auditLogConfig.enabled")):
        yield "no audit log; set `auditLogConfig.enabled`"
