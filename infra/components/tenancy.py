"""A business's fences in one cluster: namespace, quota, container defaults, network policies."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra import network_policies
from infra.components import TYPE_PREFIX
from infra.naming import BusinessNames
from infra.settings.business import ContainerDefaults, Quota
from infra.settings.platform import Network as NetworkSettings
from infra.tags import labels

IDENTITY_INJECTION_LABEL = "pod-identity.alibabacloud.com/injection"


@dataclass(frozen=True)
class TenancyArgs:
    """What a tenancy is made from."""

    names: BusinessNames
    quota: Quota
    container_defaults: ContainerDefaults
    network: NetworkSettings
    server_port: int


class Tenancy(pulumi.ComponentResource):
    """A fenced namespace, in which only pods without any privilege run (Pod Security `restricted`)."""

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: TenancyArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Tenancy", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        business = args.names.business
        common = labels(business, "tenancy")
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.names.namespace,
                "labels": {**common, **_pod_security_labels(), IDENTITY_INJECTION_LABEL: "on"},
            },
            opts=child,
        )
        self.namespace = namespace.metadata.apply(lambda metadata: metadata.name or "")

        def metadata(object_name: str) -> dict[str, object]:
            return {"name": object_name, "namespace": self.namespace, "labels": common}

        kubernetes.core.v1.ResourceQuota(
            f"{name}-quota", metadata=metadata("business"), spec={"hard": hard_limits(args.quota)}, opts=child
        )
        kubernetes.core.v1.LimitRange(
            f"{name}-defaults",
            metadata=metadata("container-defaults"),
            spec={"limits": [limit_range(args.container_defaults)]},
            opts=child,
        )
        for policy, spec in network_policies.policies(args.network, args.server_port).items():
            kubernetes.networking.v1.NetworkPolicy(f"{name}-{policy}", metadata=metadata(policy), spec=spec, opts=child)
        self.register_outputs({"namespace": self.namespace})


def hard_limits(quota: Quota) -> dict[str, str]:
    """The quota as Kubernetes counts it."""
    return {
        "requests.nvidia.com/gpu": str(quota.gpu),
        "requests.cpu": f"{quota.cpu:g}",
        "requests.memory": f"{quota.memory_gibibytes}Gi",
        "pods": str(quota.pods),
        "persistentvolumeclaims": str(quota.volume_claims),
        "services.loadbalancers": str(quota.load_balancers),
        "requests.storage": f"{quota.storage_gibibytes}Gi",
        "services.nodeports": str(quota.load_balancers),  # a load balancer reaches its Service by one
    }


def limit_range(defaults: ContainerDefaults) -> dict[str, object]:
    """Requests and limits of a container that names none; without them the quota would refuse its pod."""
    memory = f"{defaults.memory_mebibytes}Mi"
    return {
        "type": "Container",
        "defaultRequest": {"cpu": f"{defaults.cpu:g}", "memory": memory},
        "default": {"memory": memory},
    }


def _pod_security_labels() -> dict[str, str]:
    return {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
