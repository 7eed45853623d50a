"""Clusters, pools and nodes as the container service describes them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.cs.model import Cluster, Clusters, Node, NodePool, Task
from sandbox.cloud.cs.versions import next_version
from sandbox.cloud.ecs.instance_types import instance_type

DEFAULT_SCALING_GROUP: dict[str, Any] = {
    "instance_charge_type": "PostPaid",
    "image_type": "AliyunLinux3",
    "image_id": "aliyun_3_x64_20G_alibase_20250117.vhd",
    "platform": "AliyunLinux",
    "system_disk_category": "cloud_essd",
    "multi_az_policy": "BALANCE",
    "scaling_policy": "release",
    "spot_strategy": "NoSpot",
    "internet_charge_type": "",
    "internet_max_bandwidth_out": 0,
    "login_as_non_root": False,
    "cis_enabled": False,
    "soc_enabled": False,
    "security_hardening_os": False,
    "compensate_with_on_demand": False,
    "spot_instance_remedy": False,
    "data_disks": [],
}
"""What ACK fills in when a pool's request leaves it out."""

DEFAULT_KUBERNETES_CONFIG: dict[str, Any] = {
    "runtime": "containerd",
    "runtime_version": "1.6.39",
    "cms_enabled": False,
    "cpu_policy": "none",
    "unschedulable": False,
    "user_data": "",
    "pre_user_data": "",
    "node_name_mode": "",
    "labels": [],
    "taints": [],
}

DEFAULT_MANAGEMENT: dict[str, Any] = {
    "enable": False,
    "auto_repair": False,
    "auto_upgrade": False,
    "auto_vul_fix": False,
}


def master_endpoint(kubeconfig: str) -> str:
    """The API server's address in a kubeconfig."""
    document = yaml.safe_load(kubeconfig)
    return str(document["clusters"][0]["cluster"]["server"])


def describe_cluster(
    context: Context, clusters: Clusters, cluster: Cluster, kubeconfig: str, issuer: str
) -> dict[str, Any]:
    """One cluster. `kubeconfig` and `issuer` are empty while it has none."""
    endpoint = master_endpoint(kubeconfig) if kubeconfig else ""
    size = sum(pool.size for pool in clusters.pools_of(cluster.identifier))
    request = cluster.request
    described: dict[str, Any] = {
        "cluster_id": cluster.identifier,
        "name": cluster.name,
        "region_id": cluster.region,
        "zone_id": "",
        "state": cluster.state,
        "size": size,
        "cluster_type": "ManagedKubernetes",
        "profile": cluster.profile,
        "cluster_spec": cluster.cluster_spec,
        "init_version": cluster.first_version or cluster.version,
        "current_version": cluster.version,
        "next_version": next_version(cluster),
        "created": iso(cluster.created),
        "updated": iso(cluster.updated),
        "vpc_id": cluster.vpc_id,
        "vswitch_id": ",".join(cluster.vswitch_ids),
        "vswitch_ids": cluster.vswitch_ids,
        "security_group_id": cluster.security_group_id,
        "resource_group_id": cluster.resource_group_id,
        "external_loadbalancer_id": "",
        "deletion_protection": cluster.deletion_protection,
        "tags": [{"key": key, "value": value} for key, value in sorted(cluster.tags.items())],
        "network_mode": "vpc",
        "private_zone": False,
        "docker_version": "",
        "worker_ram_role_name": f"KubernetesWorkerRole-{cluster.identifier[1:9]}",
        "cluster_domain": request.get("cluster_domain") or "cluster.local",
        "service_cidr": request.get("service_cidr") or "",
        "subnet_cidr": request.get("container_cidr") or "",
        "container_cidr": request.get("container_cidr") or "",
        "node_cidr_mask": str(request.get("node_cidr_mask") or ""),
        "proxy_mode": request.get("proxy_mode") or "ipvs",
        "ip_stack": request.get("ip_stack") or "ipv4",
        "meta_data": json.dumps(metadata(context, cluster, issuer)),
        "master_url": json.dumps(
            {
                "api_server_endpoint": endpoint if cluster.public_endpoint else "",
                "intranet_api_server_endpoint": endpoint,
            }
        ),
        "parameters": {
            "ServiceCIDR": request.get("service_cidr") or "",
            "ContainerCIDR": request.get("container_cidr") or "",
            "ProxyMode": request.get("proxy_mode") or "ipvs",
        },
    }
    if not described["node_cidr_mask"]:
        del described["node_cidr_mask"]
    for section in ("maintenance_window", "operation_policy", "timezone"):
        if request.get(section):
            described[section] = request[section]
    if cluster.rrsa:
        described["rrsa_config"] = {"audience": "sts.aliyuncs.com", **rrsa(context, cluster, issuer)}
    return described


def metadata(context: Context, cluster: Cluster, issuer: str) -> dict[str, Any]:
    """The cluster's metadata, of which the RRSA configuration is read by others."""
    request = cluster.request
    given = {
        "NodeCIDRMask": str(request.get("node_cidr_mask") or "") or None,
        "DisableEncryption": request.get("disable_encryption"),
        "EncryptionKMSKeyId": request.get("encryption_provider_key"),
    }
    return {
        "RRSAConfig": rrsa(context, cluster, issuer),
        "Capabilities": {name: value for name, value in given.items() if value is not None},
        "Addons": [addon.model_dump() for addon in cluster.addons],
    }


def rrsa(context: Context, cluster: Cluster, issuer: str) -> dict[str, Any]:
    """How pods of the cluster prove their identity to RAM."""
    if not cluster.rrsa:
        return {"enabled": False}
    return {
        "enabled": True,
        "issuer": issuer,
        "oidc_name": cluster.oidc_provider_name,
        "oidc_arn": f"acs:ram::{context.accounts.account_id}:oidc-provider/{cluster.oidc_provider_name}",
    }


def describe_pool(clusters: Clusters, pool: NodePool) -> dict[str, Any]:
    """One node pool."""
    nodes = clusters.nodes_of(pool.identifier)
    ready = sum(1 for node in nodes if node.ready)
    scaling_group = DEFAULT_SCALING_GROUP | {
        key: value for key, value in pool.scaling_group.items() if value is not None
    }
    scaling_group.pop("login_password", None)
    if "desired_size" in pool.scaling_group:
        scaling_group["desired_size"] = pool.size
    described = {
        "nodepool_info": {
            "nodepool_id": pool.identifier,
            "region_id": pool.region,
            "is_default": False,
            "created": iso(pool.created),
            "updated": iso(pool.updated),
            "type": "ess",
            **pool.info,
        },
        "scaling_group": scaling_group,
        "auto_scaling": {"enable": False, **pool.auto_scaling},
        "kubernetes_config": DEFAULT_KUBERNETES_CONFIG | pool.kubernetes_config,
        "management": DEFAULT_MANAGEMENT | (pool.other.get("management") or {}),
        "tee_config": pool.other.get("tee_config") or {"tee_enable": False},
        "status": {
            "state": pool.state,
            "total_nodes": len(nodes),
            "serving_nodes": ready,
            "healthy_nodes": ready,
            "initial_nodes": len(nodes) - ready,
            "failed_nodes": 0,
            "offline_nodes": 0,
            "removing_nodes": max(0, len(nodes) - pool.size),
            "conditions": [{"type": "Failed", "message": pool.reason}] if pool.reason else [],
        },
    }
    for section in ("node_config", "auto_mode"):
        if pool.other.get(section):
            described[section] = pool.other[section]
    return described


def describe_node(node: Node) -> dict[str, Any]:
    """One node."""
    size = instance_type(node.instance_type)
    return {
        "node_name": node.name,
        "instance_id": node.instance_id,
        "instance_name": f"worker-{node.name}",
        "instance_type": node.instance_type,
        "instance_type_family": size.family,
        "instance_role": "Worker",
        "instance_status": "Running" if node.ready else "Pending",
        "node_status": "Ready" if node.ready else "NotReady",
        "state": "running" if node.ready else "initial",
        "nodepool_id": node.pool_id,
        "ip_address": [node.address],
        "host_name": node.name,
        "creation_time": iso(node.created),
        "instance_charge_type": "PostPaid",
        "source": "ess_attach",
        "is_aliyun_node": True,
        "is_leader": False,
        "error_message": "",
        "image_id": DEFAULT_SCALING_GROUP["image_id"],
    }


def describe_task(task: Task) -> dict[str, Any]:
    """One task."""
    described: dict[str, Any] = {
        "task_id": task.identifier,
        "cluster_id": task.cluster_id,
        "task_type": task.kind,
        "state": task.state,
        "created": iso(task.created),
        "updated": iso(task.updated),
        "current_stage": task.kind,
        "target": {"type": "cluster", "id": task.target},
        "events": [],
        "stages": [],
        "task_result": [],
        "parameters": {},
    }
    if task.error:
        described["error"] = {"code": "OperationFailed", "message": task.error}
    return described
