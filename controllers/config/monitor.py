"""What the status monitor is told, and may do.

Started as `python3 -m controllers monitor --settings /etc/monitor/monitor.json` (`MONITOR_FILE`), two replicas; it
writes nothing to disk. It answers /healthz, /readyz and /metrics on `port`. At rest it takes under 100 MB and 2 % of a
core.

`MONITOR_RULES` are all verbs of its Role in the business's namespace; `MONITOR_CLUSTER_RULES` are all of its
ClusterRole (reading only: nodes belong to the platform); `MONITOR_HEARTBEAT_RULES` are those of a Role in the
namespace `kube-node-lease`, where each kubelet renews a Lease every 10 s, by which a dead node shows long before its
conditions do. The pods' names are not known beforehand, so no rule can name them; object names that are known are in
the rules.

Network: to the API server, to DNS, and to the cloud's object storage and STS on 443, as the training has it; from the
platform's metrics collector to `port`. Nothing else.

Object storage, by workload identity, in the business's data bucket: GetObject and PutObject under `incident_prefix`,
and ListObjects of that prefix. Without it the monitor repairs as ever; the incidents then wait in its ConfigMap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from controllers.config.base import Frozen, Rule, Seconds

MONITOR_FILE = "/etc/monitor/monitor.json"
MONITOR_PORT = 8080
MONITOR_NAME = "status-monitor"
"""Name of its deployment, service account, Lease; and the beginning of its ConfigMaps' names."""

MONITOR_RULES = (
    Rule(("",), ("pods",), ("get", "list", "watch", "patch", "delete")),
    Rule(("",), ("events",), ("list", "watch", "create", "patch")),
    Rule(("",), ("resourcequotas",), ("list", "watch")),
    Rule(("",), ("configmaps",), ("get", "list", "watch", "create", "update", "patch")),
    Rule(("coordination.k8s.io",), ("leases",), ("get", "create", "update")),
)
"""In the business's own namespace. `patch` of pods marks a repair on the pod that it is about, before the repair."""

MONITOR_CLUSTER_RULES = (Rule(("",), ("nodes",), ("get", "list", "watch")),)
"""Cluster-wide, reading only."""

MONITOR_HEARTBEAT_NAMESPACE = "kube-node-lease"
MONITOR_HEARTBEAT_RULES = (Rule(("coordination.k8s.io",), ("leases",), ("get", "list", "watch")),)


class DetectionSettings(Frozen):
    """After how long something is a fault. Shorter finds it earlier and mistakes a pause for a fault more often."""

    hung_seconds: Seconds = 60.0
    """A running worker has neither asked for a task nor reported one, while others did. Tasks take seconds."""
    starting_seconds: Seconds = 180.0
    """A running worker has not asked for its first task: Python, TensorFlow and the model take 10 to 60 s."""
    slow_ratio: Annotated[float, Field(gt=1.0, le=100.0)] = 3.0
    """A worker's time for a task against the median of the others; under 2 would chase ordinary noise."""
    slow_seconds: Seconds = 120.0
    """How long it must stay that slow, so that a noisy neighbour's burst replaces nobody."""
    image_seconds: Seconds = 60.0
    """An image that can't be pulled; kubelet's own second attempt comes after 10 s, the third after 20 s."""
    unschedulable_seconds: Seconds = 300.0
    """No node takes the pod; a new node of an autoscaled pool takes up to about five minutes."""
    replacement_seconds: Seconds = 15.0
    """ElasticDL's master replaces some lost workers by itself, in 1 to 2 s; after this long the monitor does."""
    master_seconds: Seconds = 90.0
    """A running master has not noted its progress, which it does every few seconds once it works."""
    node_heartbeat_seconds: Seconds = 25.0
    """A kubelet has not renewed its Lease, which it does every 10 s: two renewals missed. Kubernetes waits 50 s."""
    node_witnessed_seconds: Seconds = 13.0
    """The same, when the job's master has not heard this node's workers for `node_worker_seconds` either: two witnesses
    who do not know of each other. One renewal missed, and three seconds for a slow one."""
    node_worker_seconds: Seconds = 8.0
    """A worker tells the master of each batch: several a second, on slow machines one in a few seconds."""
    node_master_seconds: Seconds = 10.0
    """The same of the node that the master is on, when the master has noted nothing for so long: it does every 3 s."""
    node_away_seconds: Seconds = 5.0
    """How long a node must be away (its Lease, or its Ready condition) before its pods are given up."""
    terminating_seconds: Seconds = 30.0
    """How long after its own grace period a pod that is being deleted may take."""


class RepairSettings(Frozen):
    """How often the monitor acts. What is capped here is acting; watching and recording go on."""

    per_hour: Annotated[int, Field(ge=0, le=3600)] = 60
    """Repairs of the whole job in any hour; past it the monitor only alerts. 0 watches without ever acting."""
    fruitless: Annotated[int, Field(ge=1, le=100)] = 5
    """Repairs of the same fault, one after another without a recovery between, after which a person must look."""
    first_backoff_seconds: Seconds = 1.0
    """Wait before the second repair of the same fault; it doubles with each. The first is immediate."""
    last_backoff_seconds: Seconds = 300.0
    recovery_seconds: Seconds = 300.0
    """How long after a repair the job may take to be at work again before that repair counts as fruitless."""
    steady_seconds: Seconds = 600.0
    """How long all must be well before the count of fruitless repairs begins anew."""
    memory_growth: Annotated[float, Field(gt=1.0, le=4.0)] = 1.5
    """Memory of a worker's replacement against the worker that ran out of it, as far as quota and nodes allow."""


class LeaderElectionSettings(Frozen):
    """Two replicas, one leader: who holds the Lease acts, the other stands by. Times as Kubernetes' own controllers."""

    lease: str = MONITOR_NAME
    lease_seconds: Seconds = 15.0
    """A leader that was not heard for so long is taken to be dead."""
    renew_seconds: Seconds = 10.0
    """A leader that could not renew for so long stops acting, well before another may begin."""
    retry_seconds: Seconds = 2.0


class MonitorSettings(Frozen):
    """Everything that the status monitor needs: one JSON document in a ConfigMap."""

    business: str
    namespace: str
    region: str
    job_name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$")] = "language-model"
    bucket: str
    incident_prefix: str = "incidents/"
    deployment: str = "training"
    """The launcher's deployment, which owns the master: it starts a dead one again from the last checkpoint."""
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """The job's workers, standbys not counted."""
    parameter_servers: Annotated[int, Field(ge=1, le=64)] = 1
    node_selector: Mapping[str, str] = {}
    """Labels of the business's nodes: no other node is looked at."""
    detection: DetectionSettings = DetectionSettings()
    repairs: RepairSettings = RepairSettings()
    leader_election: LeaderElectionSettings = LeaderElectionSettings()
    port: Annotated[int, Field(ge=1, le=65_535)] = MONITOR_PORT
