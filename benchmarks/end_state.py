"""What stands after an update: the stack resource by resource, and what the cloud and its clusters hold beside it.

Two updates of one program end alike when their end states are equal. What is drawn anew each time (identifiers,
addresses, moments, certificates) is written by whose it is, so that `vpc_id` reads `<id of .../cn-hangzhou-network>`.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.engine import Engine
from sandbox.replacement import DATABASE, OBJECTS
from sandbox.settings import SandboxSettings
from sandbox.snapshots import METADATA
from sandbox.toolchain import binary

REMEMBERED = frozenset(
    {
        *("account", "client-token", "cluster-task", "region-slot", "registry-key", "role-session", "scheduled-job"),
        *("public-address-claim", "log-delivery", "clock", "kms-key-version"),
    }
)
"""What the cloud keeps of calls and of its own work: no resource of anybody's."""
PASSING = frozenset(
    {
        *("Pod", "ReplicaSet", "Event", "Endpoints", "EndpointSlice", "Lease", "ControllerRevision", "Node", "CSINode"),
        *("PodMetrics", "NodeMetrics", "IPAddress", "CertificateSigningRequest", "VolumeAttachment"),
    }
)
"""Kinds that Kubernetes makes by itself, under names that it draws."""
DRAWN = (
    *("id", "ipAddress", "address", "arn", "nodePoolId", "roleId", "scalingGroupId", "snatTableIds", "forwardTableIds"),
    *("rrsaMetadata", "connections"),
)
"""Properties with what the cloud draws."""
UNLIKE = frozenset(
    {
        *("__meta", "createTime", "creationDate", "lastModifyTime", "lastModifiedTime", "updateDate", "deleteDate"),
        *("status", "clientToken", "certificateAuthority", "kubeconfig", "extranetEndpoint", "vipAddress", "ruleId"),
    }
)
"""Properties that say when, or how things stand at this moment."""
MARK_OF_SECRETS = "4dabf18193072939515e22adb298388d"
"""By this key Pulumi marks a value that it encrypts; its text is another at each encryption."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")
CALL_SECONDS = 120.0
Resource = dict[str, Any]


@dataclass(frozen=True)
class EndState:
    """What stands."""

    resources: dict[str, Resource]
    """By URN: type, inputs, outputs, what it depends on; without what is drawn anew each time."""
    pending: tuple[str, ...]
    """Operations that the stack still takes for unfinished."""
    cloud: Counter[str]
    """Kind, region and name of everything in the cloud, and how often it is there."""
    clusters: frozenset[str]
    """Region, kind, namespace and name of every object of Kubernetes that was declared by somebody."""

    def differences(self, other: EndState) -> list[str]:
        """What this one has otherwise than the other; empty when they are alike."""
        return [
            *(f"pending: {urn}" for urn in self.pending),
            *(f"in the stack only here: {urn}" for urn in self.resources.keys() - other.resources.keys()),
            *(f"missing in the stack: {urn}" for urn in other.resources.keys() - self.resources.keys()),
            *(
                f"{urn}: {what}"
                for urn in self.resources.keys() & other.resources.keys()
                for what in _differences("", self.resources[urn], other.resources[urn])
            ),
            *(f"orphan in the cloud: {what}, {count} more" for what, count in (self.cloud - other.cloud).items()),
            *(f"missing in the cloud: {what}" for what in other.cloud - self.cloud),
            *(f"orphan in a cluster: {what}" for what in self.clusters - other.clusters),
            *(f"missing in a cluster: {what}" for what in other.clusters - self.clusters),
        ]


def read(settings: SandboxSettings, engine: Engine, stack: str, kubeconfigs: Mapping[str, str]) -> EndState:
    """What stands now; `kubeconfigs` are the clusters', by region."""
    deployment = engine.state(stack)["deployment"]
    names = _names(deployment["resources"])
    return EndState(
        {resource["urn"]: _normal(resource, names) for resource in deployment["resources"]},
        tuple(operation["resource"]["urn"] for operation in deployment.get("pending_operations") or ()),
        Counter(_replaced(what, names) for what in in_cloud(settings)),
        frozenset(what for region, path in kubeconfigs.items() for what in in_cluster(region, path)),
    )


def in_cloud(settings: SandboxSettings) -> Iterator[str]:
    """Kind, region and name of each resource that the cloud holds, whoever made it."""
    with _database(settings.state / DATABASE) as database:
        rows = database.execute("SELECT kind, region, identifier, document FROM documents").fetchall()
    with _database(settings.state / OBJECTS / METADATA) as database:
        buckets = database.execute("SELECT region, name FROM buckets").fetchall()
        configurations = database.execute(
            "SELECT buckets.region, buckets.name, kind FROM configurations JOIN buckets ON buckets.id = bucket"
        ).fetchall()
    for kind, region, identifier, text in rows:
        if kind not in REMEMBERED:
            document = json.loads(text)
            name = document.get("name") or document.get("description") or identifier
            yield f"{kind} {region} {name}"
    yield from (f"bucket {region} {name}" for region, name in buckets)
    yield from (f"bucket-{kind} {region} {name}" for region, name, kind in configurations)


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=CALL_SECONDS)) as database:
        yield database


def in_cluster(region: str, kubeconfig: str) -> Iterator[str]:
    """Region, kind, namespace and name of the objects of a cluster."""
    command = [str(binary("kubectl")), "--kubeconfig", kubeconfig]
    kinds = _output([*command, "api-resources", "--verbs=list", "--output=name"]).split()
    kinds = [kind for kind in kinds if not kind.endswith(".metrics.k8s.io")]
    columns = "KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name"
    text = _output([*command, "get", ",".join(kinds), "--all-namespaces", f"--output=custom-columns={columns}"])
    for line in text.splitlines():
        kind, namespace, name = line.split()
        if kind not in PASSING | {"KIND"}:
            yield f"{region} {kind} {namespace} {name}"


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=CALL_SECONDS, check=True).stdout


def _names(resources: list[Resource]) -> dict[str, str]:
    """What is drawn anew, and whose it is; longest first, as one may be part of another."""
    found: dict[str, str] = {}
    for resource in resources:
        name = resource["urn"].rpartition("::")[2]
        for key in DRAWN:
            for text in _texts(resource.get(key) if key == "id" else (resource.get("outputs") or {}).get(key)):
                if len(text) > 6 and not resource["type"].startswith("kubernetes:"):
                    found.setdefault(text, f"<{key} of {name}>")
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _normal(resource: Resource, names: Mapping[str, str]) -> Resource:
    kept = {key: resource.get(key) for key in ("type", "inputs", "parent", "protect", "delete", "taint", "initErrors")}
    # Of an object of Kubernetes the cluster tells, which is read by itself.
    kept["outputs"] = {} if resource["type"].startswith("kubernetes:") else resource.get("outputs") or {}
    kept["dependencies"] = sorted(resource.get("dependencies") or ())
    found: Resource = json.loads(_replaced(json.dumps(_without(kept), sort_keys=True), names))
    return found


def _without(value: Any) -> Any:
    if isinstance(value, Mapping) and MARK_OF_SECRETS in value:
        return "<secret>"
    if isinstance(value, Mapping):
        return {key: _without(item) for key, item in value.items() if key not in UNLIKE and item not in (None, "", [])}
    return [_without(item) for item in value] if isinstance(value, list) else value


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for drawn, name in names.items():
        text = text.replace(drawn, name)
    return MOMENT.sub("<moment>", text)


def _differences(where: str, here: Any, there: Any) -> Iterator[str]:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for key in sorted(here.keys() | there.keys()):
            yield from _differences(f"{where}.{key}", here.get(key), there.get(key))
    elif here != there:
        yield f"{where.lstrip('.')} is {json.dumps(here)[:120]}, undisturbed {json.dumps(there)[:120]}"
