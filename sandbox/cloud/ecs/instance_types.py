"""The instance types that the emulated cloud sells, with the sizes that the cloud documents for them."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cloud.core.errors import CloudError


@dataclass(frozen=True)
class InstanceType:
    """A machine's size: vCPUs, memory in GiB, GPUs and their model."""

    name: str
    cpu_cores: int
    memory_gibibytes: int
    gpus: int = 0
    gpu_model: str = ""

    @property
    def family(self) -> str:
        """The type's family: ecs.g7 of ecs.g7.xlarge."""
        return ".".join(self.name.split(".")[:2])


_SIZES = (("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16), ("8xlarge", 32))


def _family(name: str, memory_a_core: int) -> list[InstanceType]:
    return [InstanceType(f"ecs.{name}.{size}", cores, cores * memory_a_core) for size, cores in _SIZES]


_TYPES = [
    *(item for name in ("c6", "c7", "c8i") for item in _family(name, 2)),
    *(item for name in ("g6", "g7", "g8i") for item in _family(name, 4)),
    *(item for name in ("r6", "r7", "r8i") for item in _family(name, 8)),
    InstanceType("ecs.gn6i-c4g1.xlarge", 4, 15, 1, "NVIDIA T4"),
    InstanceType("ecs.gn6i-c8g1.2xlarge", 8, 31, 1, "NVIDIA T4"),
    InstanceType("ecs.gn6i-c16g1.4xlarge", 16, 62, 1, "NVIDIA T4"),
    InstanceType("ecs.gn6i-c24g1.6xlarge", 24, 93, 1, "NVIDIA T4"),
    InstanceType("ecs.gn6i-c24g1.12xlarge", 48, 186, 2, "NVIDIA T4"),
    InstanceType("ecs.gn6i-c24g1.24xlarge", 96, 372, 4, "NVIDIA T4"),
    InstanceType("ecs.gn6v-c8g1.2xlarge", 8, 32, 1, "NVIDIA V100"),
    InstanceType("ecs.gn6v-c8g1.8xlarge", 32, 128, 4, "NVIDIA V100"),
    InstanceType("ecs.gn6v-c8g1.16xlarge", 64, 256, 8, "NVIDIA V100"),
    InstanceType("ecs.gn7i-c8g1.2xlarge", 8, 30, 1, "NVIDIA A10"),
    InstanceType("ecs.gn7i-c16g1.4xlarge", 16, 60, 1, "NVIDIA A10"),
    InstanceType("ecs.gn7i-c32g1.8xlarge", 32, 188, 1, "NVIDIA A10"),
    InstanceType("ecs.gn7i-c32g1.16xlarge", 64, 376, 2, "NVIDIA A10"),
    InstanceType("ecs.gn7i-c32g1.32xlarge", 128, 752, 4, "NVIDIA A10"),
    InstanceType("ecs.gn7e-c16g1.4xlarge", 16, 125, 1, "NVIDIA A100"),
    InstanceType("ecs.gn7e-c16g1.16xlarge", 64, 500, 4, "NVIDIA A100"),
    InstanceType("ecs.gn7e-c16g1.32xlarge", 128, 1000, 8, "NVIDIA A100"),
]

INSTANCE_TYPES: dict[str, InstanceType] = {item.name: item for item in _TYPES}


def instance_type(name: str) -> InstanceType:
    """The type of this name, or the cloud's error with those of the same family (all, when the family is unknown)."""
    found = INSTANCE_TYPES.get(name)
    if found is not None:
        return found
    family = ".".join(name.split(".")[:2]).split("-")[0]
    similar = [item for item in INSTANCE_TYPES if item.startswith(family)] or sorted(INSTANCE_TYPES)
    raise CloudError(
        "InvalidInstanceType.NotSupported",
        f"The specified instance type {name!r} is not sold here; there are: {', '.join(similar)}.",
    )
