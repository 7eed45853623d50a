"""Names of cloud objects: composed here only, and checked against each service's limits before anything exists.

Pure. A name never holds a value that may change (a size, a version), since a changed name replaces the object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PROJECT = "language-model-clusters"
LABEL_PREFIX = "language-models"
BUSINESS_LABEL = f"{LABEL_PREFIX}/business"
POOL_LABEL = f"{LABEL_PREFIX}/pool"
TRAINING = "training"
SERVING = "serving"
NODE_WATCHER = "language-models-node-watcher"
"""What each cluster lets a business know of nodes: that they are there, and alive."""
TRAINING_PRIORITY = "language-models-training"
SERVING_PRIORITY = "language-models-serving"
DATA, MODELS, BACKUPS = "data", "models", "backups"
PULUMI_STATE = "pulumi-state"
BUCKETS = (DATA, MODELS, BACKUPS)
"""A business's buckets in each region: text and checkpoints; finished models; copies of the other two."""


@dataclass(frozen=True)
class NameRule:
    """A service's limits on a name, and where they are documented."""

    kind: str
    maximum: int
    pattern: str
    allowed: str
    source: str
    minimum: int = 1


BUCKET = NameRule(
    "OSS bucket", 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]", "lower-case letters, digits and hyphens, no hyphen at either end",
    "OSS, bucket naming conventions", minimum=3,
)  # fmt: skip
ROLE = NameRule("RAM role", 64, r"[A-Za-z0-9.-]+", "letters, digits, full stops and hyphens", "RAM, CreateRole")
POLICY = NameRule("RAM policy", 128, r"[A-Za-z0-9-]+", "letters, digits and hyphens", "RAM, CreatePolicy")
NAMESPACE = NameRule(
    "Kubernetes namespace", 63, r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "lower-case letters, digits and hyphens", "RFC 1123"
)
CLUSTER = NameRule(
    "ACK cluster", 63, r"[A-Za-z0-9][A-Za-z0-9-]*", "letters, digits and hyphens, a letter or digit first",
    "ACK, CreateCluster",
)  # fmt: skip
LOAD_BALANCER = NameRule(
    "load balancer", 80, r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, full stops, underscores and hyphens",
    "SLB, CreateLoadBalancer",
)  # fmt: skip
LOG_PROJECT = NameRule(
    "log project", 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]", "lower-case letters, digits and hyphens, no hyphen at either end",
    "SLS, CreateProject", minimum=3,
)  # fmt: skip
REGISTRY = NameRule(
    "registry namespace", 30, r"[a-z0-9]+([._-][a-z0-9]+)*", "lower-case letters, digits and separators between them",
    "CR, CreateNamespace", minimum=2,
)  # fmt: skip
NODE_POOL = NameRule("ACK node pool", 63, CLUSTER.pattern, CLUSTER.allowed, "ACK, CreateClusterNodePool")
NETWORK = NameRule(
    "VPC object", 128, r"[A-Za-z][A-Za-z0-9._-]*", "letters, digits, full stops, underscores and hyphens",
    "VPC, CreateVpc", minimum=2,
)  # fmt: skip
DNS_LABEL = NameRule(
    "DNS label", 63, r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "lower-case letters, digits and hyphens", "RFC 1035"
)


class NameRuleError(ValueError):
    """A composed name that its service would refuse; `limit` says what the service takes."""

    def __init__(self, name: str, limit: str, source: str) -> None:
        super().__init__(f"{name!r}: {limit} ({source})")
        self.name = name
        self.limit = limit
        self.source = source


def compose(rule: NameRule, *parts: str) -> str:
    """Join the parts with hyphens, or raise NameRuleError with the limit that the result breaks."""
    name = "-".join(parts)
    if not rule.minimum <= len(name) <= rule.maximum:
        limit = f"{rule.kind} names have {rule.minimum} to {rule.maximum} characters, this one has {len(name)}"
        raise NameRuleError(name, limit, rule.source)
    if not re.fullmatch(rule.pattern, name):
        raise NameRuleError(name, f"{rule.kind} names hold {rule.allowed}", rule.source)
    return name


@dataclass(frozen=True)
class PlatformNames:
    """Names of what all businesses share in one region."""

    organization: str
    region: str

    @property
    def network(self) -> str:
        """The region's VPC."""
        return compose(NETWORK, self.organization, self.region)

    @property
    def cluster(self) -> str:
        """The region's ACK cluster."""
        return compose(CLUSTER, self.organization, self.region)

    @property
    def egress(self) -> str:
        """The region's NAT gateway, its address and its rule."""
        return compose(NETWORK, self.organization, self.region, "egress")

    @property
    def nodes(self) -> str:
        """The security group of the region's nodes."""
        return compose(NETWORK, self.organization, self.region, "nodes")

    @property
    def logs(self) -> str:
        """The log project of the cluster. All customers of the log service share the names of a region."""
        return compose(LOG_PROJECT, self.organization, self.region, "logs")

    @property
    def access_logs(self) -> str:
        """The bucket that takes the access logs of all buckets of the region."""
        return compose(BUCKET, self.organization, self.region, "access-logs")

    def switch(self, zone: str) -> str:
        """The switch of a zone's nodes."""
        return compose(NETWORK, self.organization, zone)

    def pod_switch(self, zone: str) -> str:
        """The switch of a zone's pods."""
        return compose(NETWORK, self.organization, zone, "pods")

    def all(self) -> Iterator[str]:
        """Every name; raises NameRuleError at the first bad one."""
        yield from (self.network, self.cluster, self.egress, self.nodes, self.logs, self.access_logs)


@dataclass(frozen=True)
class BusinessNames:
    """Names of what one business has in one region."""

    organization: str
    business: str
    region: str

    @property
    def namespace(self) -> str:
        """The business's namespace."""
        return compose(NAMESPACE, self.business)

    def bucket(self, kind: str) -> str:
        """A bucket, of one of BUCKETS. All customers of OSS share bucket names: hence the organization first."""
        return compose(BUCKET, self.organization, self.business, self.region, kind)

    def role(self, workload: str) -> str:
        """The RAM role of a workload's pods."""
        return compose(ROLE, self.organization, self.business, self.region, workload)

    def policy(self, workload: str, bucket: str) -> str:
        """The RAM policy that lets a workload use a kind of bucket."""
        return compose(POLICY, self.organization, self.business, self.region, workload, bucket)

    def node_pool(self, kind: str) -> str:
        """The pool of nodes that train, or of those that serve."""
        return compose(NODE_POOL, self.business, kind)

    @property
    def entry(self) -> str:
        """The load balancer that users reach."""
        return compose(LOAD_BALANCER, self.organization, self.business, self.region, "entry")

    @property
    def record(self) -> str:
        """The DNS label under the platform's zone."""
        return compose(DNS_LABEL, self.business)

    def all(self) -> Iterator[str]:
        """Every name; raises NameRuleError at the first bad one."""
        yield self.namespace
        yield from (self.bucket(kind) for kind in BUCKETS)
        for workload in (TRAINING, SERVING):
            yield self.role(workload)
            yield self.node_pool(workload)
            yield from (self.policy(workload, kind) for kind in BUCKETS)
        yield from (self.entry, self.record)
