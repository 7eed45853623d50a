"""The controllers' settings, read by the infrastructure program and by the controllers; free of every other import.

What the status monitor needs of its surroundings. Started as `python3 -m controllers monitor --settings
/etc/monitor/monitor.json` (`MONITOR_FILE`), two replicas, from the image `language-models/controllers`, as user
10001, with a read-only root file system; it writes nothing to disk. It answers /healthz, /readyz and /metrics on
`port`. At rest it takes under 100 MB and 2 % of a core.

`MONITOR_RULES` are all verbs of its Role in the business's namespace; `MONITOR_CLUSTER_RULES` are all of its
ClusterRole (reading only: nodes belong to the platform); `MONITOR_HEARTBEAT_RULES` are those of a Role in the
namespace `kube-node-lease`, where each kubelet renews a Lease every 10 s, by which a dead node shows long before its
conditions do. The pods' names are not known beforehand, so no rule can name them; object names that are known are in
the rules.

Network: to the API server, to DNS, and to the cloud's object storage and STS on 443, as the training has it; from the
platform's metrics collector to `port`. Nothing else.

Object storage, by workload identity, in the business's data bucket: GetObject and PutObject under `incident_prefix`,
and ListObjects of that prefix. Without it the monitor repairs as ever; the incidents then wait in its ConfigMap.

What the backup needs: `BackupSettings`; what the traffic controller needs: `TrafficSettings`, below. Both run from the
same image, as the same user, with the same read-only root.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

MONITOR_FILE = "/etc/monitor/monitor.json"
MONITOR_PORT = 8080
MONITOR_NAME = "status-monitor"
"""Name of its deployment, service account, Lease; and the beginning of its ConfigMaps' names."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Rule(NamedTuple):
    """One rule of a Kubernetes Role: API groups, resources, verbs, and the objects' names where they are known."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    resource_names: tuple[str, ...] = ()


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


class Frozen(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    node_selector: dict[str, str] = {}
    """Labels of the business's nodes: no other node is looked at."""
    detection: DetectionSettings = DetectionSettings()
    repairs: RepairSettings = RepairSettings()
    leader_election: LeaderElectionSettings = LeaderElectionSettings()
    port: Annotated[int, Field(ge=1, le=65_535)] = MONITOR_PORT


BACKUP_FILE = "/etc/backup/backup.json"
BACKUP_NAME = "backup"
"""Name of its CronJob and service account."""
BACKUP_SCRATCH = "/scratch"
"""An emptyDir: one object a thread passes through it, so it must hold `parallel` times the largest object."""

BACKUP_RULES = (
    Rule(("",), ("configmaps", "services", "serviceaccounts", "resourcequotas", "limitranges"), ("list",)),
    Rule(("apps",), ("deployments", "statefulsets", "daemonsets"), ("list",)),
    Rule(("batch",), ("cronjobs",), ("list",)),
    Rule(("autoscaling",), ("horizontalpodautoscalers",), ("list",)),
    Rule(("policy",), ("poddisruptionbudgets",), ("list",)),
    Rule(("networking.k8s.io",), ("networkpolicies", "ingresses"), ("list",)),
    Rule(("rbac.authorization.k8s.io",), ("roles", "rolebindings"), ("list",)),
)
"""Every kind that is copied, in the business's own namespace. Secrets are not: a copy of one is a second place to leak
it from, and what makes a Secret (the identity, the program) makes it anew. Pods and Jobs are made by others."""

BACKUP_SOURCE_ACTIONS = ("oss:GetObject", "oss:GetObjectVersion")
"""On every object of each source bucket."""
BACKUP_SOURCE_BUCKET_ACTIONS = ("oss:ListObjects", "oss:ListObjectVersions")
"""On each source bucket itself."""
BACKUP_TARGET_ACTIONS = (*BACKUP_SOURCE_ACTIONS, "oss:PutObject", "oss:DeleteObject")
"""On every object of the backup bucket; old versions stay, so that a stolen identity cannot destroy a backup."""
BACKUP_SCRATCH_PREFIX = "scratch/"
BACKUP_SCRATCH_ACTIONS = ("oss:DeleteObjectVersion",)
"""On `scratch/*` of the backup bucket, where a proof restores to: old versions of that are worth nothing."""
BACKUP_TARGET_BUCKET_ACTIONS = BACKUP_SOURCE_BUCKET_ACTIONS


class SourceSettings(Frozen):
    """A bucket, or a part of one, that is copied. For instance data, models, or the bucket with the Pulumi state."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$")]
    """What `--to NAME=oss://...` calls it. `kubernetes` is taken."""
    bucket: str
    prefix: str = ""
    """A folder; with `*` at its end, how the objects' names begin."""
    region: str = ""
    """Empty: the region of the settings."""


class RetentionSettings(Frozen):
    """How many backups are kept: the newest of each of the last so many hours, days and weeks that have one (UTC).

    Beside these the newest one is kept, and the newest proven one, whatever their age.
    """

    hourly: Annotated[int, Field(ge=0, le=744)] = 24
    daily: Annotated[int, Field(ge=0, le=366)] = 7
    weekly: Annotated[int, Field(ge=0, le=520)] = 12


class Hook(Frozen):
    """What is done before or after a backup: a call, or a command in the backup's own container. Give one of the two.

    Both are told `when` (before, after), business, namespace and region; after, also `succeeded`, `error` and the
    `backup` that was made: a call in its JSON body, a command in variables `BACKUP_WHEN`, `BACKUP_SUCCEEDED`, ...
    """

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$", description="What the log calls it.")]
    url: Annotated[
        str,
        Field(
            pattern=r"^(https?://[^\s]+)?$",
            max_length=2000,
            description="Is sent a POST, and must answer 2xx: a Service of the namespace, or the cloud on 443.",
        ),
    ] = ""
    command: Annotated[
        tuple[str, ...],
        Field(max_length=64, description="Program and arguments, without a shell; what is in the backup's image."),
    ] = ()
    timeout_seconds: Annotated[float, Field(gt=0, le=600, description="How long it may take, in seconds.")] = 30.0
    required: Annotated[
        bool, Field(description="Whether without it no backup is made (before), or the Job fails (after).")
    ] = True

    @model_validator(mode="after")
    def _one_way(self) -> Hook:
        if bool(self.url) == bool(self.command):
            given = "both were given" if self.url else "neither was given"
            raise ValueError(f"give exactly one of `url` and `command`: {given}")
        return self


class Hooks(Frozen):
    """What is done around a backup, in this order. Those after it are run also when it failed, or was ended."""

    before: Annotated[
        tuple[Hook, ...],
        Field(
            max_length=8,
            description="Before anything is read.",
            json_schema_extra={"x-why": "What the trainer writes is copied consistently without; other writers pause."},
        ),
    ] = ()
    after: Annotated[
        tuple[Hook, ...],
        Field(
            max_length=8,
            description="Once all is copied, and before it is proven.",
            json_schema_extra={"x-why": "Whatever was paused goes on."},
        ),
    ] = ()


class BackupSettings(Frozen):
    """Everything that the backup needs: one JSON document in a ConfigMap.

    Started by a CronJob (concurrencyPolicy Forbid) as `python3 -m controllers backup run --settings
    /etc/backup/backup.json`, with `BACKUP_SCRATCH` to write to. It takes 100 MB and one core while it runs. Network: to
    the API server, to DNS, to object storage and STS on 443. Permissions: `BACKUP_RULES`, and the actions above.
    """

    business: str
    namespace: str
    region: str
    bucket: str
    """Where the backups go; encrypted by its own rule, versioned."""
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1, max_length=8)]
    hooks: Hooks = Hooks()
    objects: bool = True
    """Whether the namespace's Kubernetes objects are copied too."""
    retention: RetentionSettings = RetentionSettings()
    prove: bool = True
    """Whether each backup is restored into a scratch prefix and compared, right after it was made."""
    parallel: Annotated[int, Field(ge=1, le=32)] = 4
    scratch: str = BACKUP_SCRATCH


TRAFFIC_FILE = "/etc/traffic/traffic.json"
TRAFFIC_PORT = 8080
TRAFFIC_NAME = "traffic-controller"
"""Name of its deployment and service account."""

TRAFFIC_RULES = (Rule(("",), ("events",), ("create",)),)
"""In the business's own namespace: each switch is an Event of the controller's own deployment."""

TRAFFIC_ACTIONS = (
    "alidns:DescribeDomainRecords",
    "alidns:SetDomainRecordStatus",
    "alidns:AddDomainRecord",
    "alidns:UpdateDomainRecord",
)
"""On `acs:alidns:*:*:domain/ZONE`. The last two are for the note (a TXT record) that each controller writes there."""


class TrafficRegionSettings(Frozen):
    """A region that answers users."""

    name: str
    address: str
    """Its entry: the address that its DNS records hold."""


class TrafficTimings(Frozen):
    """When a region is sick, and when it is well again. With these, users are led away about 6 s after its death."""

    probe_seconds: Seconds = 1.0
    """Each region's entry is asked so often, and must answer within `probe_timeout_seconds`."""
    probe_timeout_seconds: Seconds = 1.0
    sick_failures: Annotated[int, Field(ge=1, le=100)] = 2
    """Failures in a row without which nobody is taken out. At the first one the region is asked, whether it sees itself
    well: its time to answer then passes while it is probed again."""
    answer_seconds: Seconds = 3.0
    """How long the suspected region may take to answer, through the zone. Longer than it takes to poll and to write."""
    ask_again_seconds: Seconds = 15.0
    """A region that said it is well is asked anew after so long, while it does not answer us."""
    healthy_seconds: Seconds = 30.0
    """How long a sick region must have answered without a failure before users are led back."""
    note_seconds: Seconds = 30.0
    """A note that accuses is renewed three times as often; unchanged for so long, its controller is taken for dead."""


class TrafficSettings(Frozen):
    """Everything that the traffic controller needs: one JSON document in a ConfigMap.

    Started as `python3 -m controllers traffic --settings /etc/traffic/traffic.json`, one replica in each region, which
    must run on another node pool than the training. It answers /healthz, /readyz and /metrics on `port`, writes
    nothing to disk, and takes under 100 MB and 2 % of a core. Network: TCP to `probe_port` of every region's `address`
    (out of the network and in again, as users come); DNS; Alidns and STS on 443; the API server. Permissions:
    `TRAFFIC_RULES`, `TRAFFIC_ACTIONS`.
    """

    business: str
    namespace: str
    region: str
    """Where this controller runs; one of `regions`."""
    zone: str
    record: str
    """The name below the zone, as `qa`: its A records, one a line and region, are switched."""
    regions: Annotated[tuple[TrafficRegionSettings, ...], Field(min_length=1, max_length=8)]
    """In the same order in every region: of two regions that accuse each other, the first prevails."""
    lines: dict[str, tuple[str, ...]]
    """For each line of the DNS service (`default`, `telecom`, ...) the regions' names, nearest first."""
    probe_path: str = "/readyz"
    probe_port: Annotated[int, Field(ge=1, le=65_535)] = 80
    timings: TrafficTimings = TrafficTimings()
    alidns_endpoint: str = ""
    """Empty: the DNS service's endpoint of the region. With or without a scheme; without, it is https."""
    port: Annotated[int, Field(ge=1, le=65_535)] = TRAFFIC_PORT


class DrillObjectives(Frozen):
    """Within how many seconds a business must be at work again, whatever was broken: what its drills are held to."""

    worker: Seconds = 10.0
    """One worker's process is killed; it crashes; its pod is deleted."""
    workers: Seconds = 60.0
    """All of them at once."""
    hung_worker: Seconds = 100.0
    """A minute of silence shows it."""
    parameter_server: Seconds = 60.0
    master: Seconds = 90.0
    monitor: Seconds = 40.0
    """The leading one goes, and a worker crashes before another leads."""
    node: Seconds = 60.0
    """One with workers and without the master."""
    node_of_master: Seconds = 120.0
    region: Seconds = 20.0
    """Until the last user is led elsewhere: detection, and the records' TTL."""
    lease: Seconds = 240.0
    """The training's region was cut off, and another trains: from the healing until the first is at work again. The
    other one's lease has to run out before."""
    quota: Seconds = 60.0
    """A worker is killed while the quota is full."""
    bucket: Seconds = 60.0
    """After object storage has come back."""
    checkpoint: Seconds = 90.0
    """The newest checkpoint is damaged, and the master killed."""
    namespace: Seconds = 600.0
    """Somebody deletes it; `pulumi up` makes it again, and the job goes on from its last checkpoint."""
    objects: Seconds = 120.0
    """Objects are deleted from the data bucket; they are restored from the last proven backup."""
    neighbour_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of its pace, that the training keeps beside a neighbour that takes all it may."""
    goodput: Annotated[float, Field(gt=0, le=1)] = 0.97
    """Share of an hour with seeded faults in which the training got on."""
