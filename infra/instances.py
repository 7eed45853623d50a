"""The instance types that a pool may use, and how much of one is left for pods. Pure.

Sizes: Alibaba Cloud, "GPU-accelerated compute-optimized instance families" and "General-purpose instance families". Add
a line to use another type.
"""

from __future__ import annotations

from dataclasses import dataclass

PODS_PER_NODE = 64  # ACK's default with Flannel and a /26 of pod addresses a node
EVICTION_MEBIBYTES = 100  # kubelet's default threshold memory.available<100Mi


@dataclass(frozen=True)
class InstanceType:
    """An ECS instance type: vCPUs, memory in GiB, GPUs and their model (none for a general-purpose type)."""

    name: str
    cpu: int
    memory_gibibytes: int
    gpu: int = 0
    gpu_model: str = ""

    @property
    def allocatable_cpu(self) -> float:
        """CPUs left for pods: ACK keeps 0.1 of the first 4 cores and 2.5 % of each further one."""
        return self.cpu - 0.1 - max(0, self.cpu - 4) * 0.025

    @property
    def allocatable_memory_mebibytes(self) -> int:
        """Memory left for pods: ACK keeps min(11 MiB a pod + 255 MiB, a quarter), the kubelet its threshold."""
        total = self.memory_gibibytes * 1024
        return int(total - min(11 * PODS_PER_NODE + 255, total / 4) - EVICTION_MEBIBYTES)


INSTANCE_TYPES = {
    instance.name: instance
    for instance in (
        InstanceType("ecs.g7.large", 2, 8),
        InstanceType("ecs.g7.xlarge", 4, 16),
        InstanceType("ecs.g7.2xlarge", 8, 32),
        InstanceType("ecs.g7.4xlarge", 16, 64),
        InstanceType("ecs.gn6i-c4g1.xlarge", 4, 15, 1, "T4"),
        InstanceType("ecs.gn6i-c8g1.2xlarge", 8, 31, 1, "T4"),
        InstanceType("ecs.gn6i-c16g1.4xlarge", 16, 62, 1, "T4"),
        InstanceType("ecs.gn6i-c24g1.12xlarge", 48, 186, 2, "T4"),
        InstanceType("ecs.gn6v-c8g1.2xlarge", 8, 32, 1, "V100"),
        InstanceType("ecs.gn6v-c8g1.8xlarge", 32, 128, 4, "V100"),
        InstanceType("ecs.gn7i-c8g1.2xlarge", 8, 30, 1, "A10"),
        InstanceType("ecs.gn7i-c16g1.4xlarge", 16, 60, 1, "A10"),
        InstanceType("ecs.gn7i-c32g1.16xlarge", 64, 376, 2, "A10"),
        InstanceType("ecs.gn7i-c32g1.32xlarge", 128, 752, 4, "A10"),
    )
}
