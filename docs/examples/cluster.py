"""Give a region a cluster with so many nodes, by the official SDKs, and print its kubeconfig.

python docs/examples/cluster.py 2 > /tmp/kubeconfig

Run again with another number, it changes the number of nodes. The same program works with Alibaba Cloud: only the
environment's variables lead to the sandbox.
"""

from __future__ import annotations

import os
import sys
import time

from alibabacloud_cs20151215 import models as cs
from alibabacloud_cs20151215.client import Client as ContainerService
from alibabacloud_tea_openapi.utils_models import Config
from alibabacloud_vpc20160428 import models as vpc
from alibabacloud_vpc20160428.client import Client as NetworkService

REGION, ZONE = "cn-hangzhou", "cn-hangzhou-h"
NAME = "example"
INSTANCE_TYPE = "ecs.g7.large"


def config(service: str) -> Config:
    """Where a service is, and as whom to call it."""
    return Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=os.environ[f"{service}_ENDPOINT"],
        region_id=REGION,
        ca=os.environ["SSL_CERT_FILE"],
    )


def wait(clusters: ContainerService, task: str) -> None:
    """Until what a call began has ended."""
    while (found := clusters.describe_task_info(task).body).state == "running":
        time.sleep(0.5)
    if found.state != "success":
        sys.exit(f"{found.task_type}: {found.error}")


def make_cluster(clusters: ContainerService) -> str:
    """A network with a switch, and a cluster in it."""
    networks = NetworkService(config("VPC"))
    network = networks.create_vpc(vpc.CreateVpcRequest(region_id=REGION, cidr_block="10.0.0.0/8")).body.vpc_id
    switch = networks.create_vswitch(
        vpc.CreateVSwitchRequest(region_id=REGION, vpc_id=network, zone_id=ZONE, cidr_block="10.1.0.0/16")
    ).body.v_switch_id
    made = clusters.create_cluster(
        cs.CreateClusterRequest(name=NAME, region_id=REGION, cluster_type="ManagedKubernetes", vswitch_ids=[switch])
    ).body
    wait(clusters, made.task_id)
    return str(made.cluster_id)


def set_nodes(clusters: ContainerService, cluster: str, number: int) -> None:
    """A pool with this many nodes."""
    pools = clusters.describe_cluster_node_pools(cluster, cs.DescribeClusterNodePoolsRequest()).body.nodepools
    if pools:
        change = cs.ModifyClusterNodePoolRequest(
            scaling_group=cs.ModifyClusterNodePoolRequestScalingGroup(desired_size=number)
        )
        wait(
            clusters,
            clusters.modify_cluster_node_pool(cluster, pools[0].nodepool_info.nodepool_id, change).body.task_id,
        )
        return
    switches = clusters.describe_cluster_detail(cluster).body.vswitch_ids
    pool = cs.CreateClusterNodePoolRequest(
        nodepool_info=cs.CreateClusterNodePoolRequestNodepoolInfo(name="nodes"),
        scaling_group=cs.CreateClusterNodePoolRequestScalingGroup(
            instance_types=[INSTANCE_TYPE], vswitch_ids=switches, desired_size=number
        ),
    )
    wait(clusters, clusters.create_cluster_node_pool(cluster, pool).body.task_id)


def main() -> None:
    """The command line."""
    clusters = ContainerService(config("CS"))
    found = clusters.describe_clusters_v1(cs.DescribeClustersV1Request(name=NAME)).body.clusters or []
    cluster = str(found[0].cluster_id) if found else make_cluster(clusters)
    set_nodes(clusters, cluster, int(sys.argv[1]))
    request = cs.DescribeClusterUserKubeconfigRequest()
    print(clusters.describe_cluster_user_kubeconfig(cluster, request).body.config)


if __name__ == "__main__":
    main()
