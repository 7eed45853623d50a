"""A cloud with something to show on its status page: a region with a cluster, another one out, faults, failed calls."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.in_process_cloud import ADDRESS, serve
from sandbox.cloud.core.clock import ManualClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.contents import Contents, summarise
from sandbox.cloud.cs.model import Cluster
from sandbox.cloud.oss.service import ObjectStorage
from sandbox.region.simulation.node_object import SIMULATED_LABEL
from tests.unit.sandbox.cloud.conftest import NOW, World, make_world
from tests.unit.sandbox.cloud.kubernetes_objects import node, pod, volume

HOSTILE = "<script>document.title='taken over'</script>"
IMAGE = "<img src=x onerror=\"document.title='taken over'\">"


@dataclass
class PageWorld:
    """The cloud and where it is served."""

    world: World
    port: int

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}/_sandbox/"

    def add_fault(self, **rule: Any) -> None:
        body, headers = json.dumps(rule).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}faults", data=body, headers=headers, method="POST")
        urllib.request.urlopen(request, timeout=10).close()


class FixedContents:
    """Stands for a cluster's API server; the objects have its form."""

    def __init__(self) -> None:
        self.pools: dict[str, str] = {}

    def read(self, cluster: Cluster, backend: ClusterBackend) -> Contents:
        pool = {"alibabacloud.com/nodepool-id": self.pools.get(cluster.region, "")}
        nodes = [node("qa-1", labels=pool), node("qa-2", labels=pool), node("qa-3", labels=pool)]
        for made in nodes[:2]:
            made["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        nodes[2]["status"]["conditions"] = [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]
        nodes[1]["metadata"]["labels"] = {**pool, SIMULATED_LABEL: "true"}
        pods = [pod(f"serving-{number}", "qa-1") for number in range(4)]
        crashing = pod("language-model-worker-1", "qa-2")
        waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
        crashing["status"]["containerStatuses"] = [{"name": "worker", "state": waiting}]
        pending = pod("language-model-worker-2")
        pending["status"]["conditions"][0]["message"] = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
        hostile = pod(HOSTILE, "qa-1")
        hostile["metadata"]["namespace"] = IMAGE
        return summarise(nodes, [*pods, crashing, pending, hostile], [volume("d-bp1f0c8e2a9d5b7416c3")])


@contextmanager
def page_world(folder: Path) -> Iterator[PageWorld]:
    """Serve the cloud on loopback, over HTTP."""
    world = make_world(Store(None), ManualClock(NOW))
    contents = FixedContents()
    world.cloud.contents = contents
    context = world.cloud.context
    objects = ObjectStorage(context.accounts, world.cloud.authorizer, folder / "objects", context.clock, NOW.timestamp)
    with serve(world.cloud, objects) as port:
        cluster, vswitch = world.cluster(name=HOSTILE)
        pool = world.roa(
            "POST",
            f"/clusters/{cluster}/nodepools",
            {
                "nodepool_info": {"name": "qa-gpu"},
                "scaling_group": {"vswitch_ids": [vswitch], "instance_types": ["ecs.gn6i-c4g1.xlarge"]},
                "auto_scaling": {"enable": True, "min_instances": 3, "max_instances": 6},
            },
        )
        contents.pools["cn-hangzhou"] = pool["nodepool_id"]
        world.settle()
        made = PageWorld(world, port)
        made.add_fault(name="busy", service="OSS", error={"code": "ServiceUnavailable"}, probability=0.3, count=2)
        made.add_fault(name="region-out-cn-shanghai", region="cn-shanghai", reset=True)
        world.rpc("Alidns", "AddDomain", DomainName="language.example.com")
        world.rpc.send("Vpc", "CreateVpc", CidrBlock="1.2.3.4/99")
        world.rpc.send("Vpc", HOSTILE)
        world.rpc("Vpc", "DescribeVpcs", Surprise="1")
        yield made
