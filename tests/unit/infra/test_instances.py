"""What a node leaves for pods."""

from __future__ import annotations

from infra.instances import INSTANCE_TYPES


def test_a_small_node_keeps_a_tenth_of_a_core_and_a_gibibyte() -> None:
    node = INSTANCE_TYPES["ecs.gn6i-c4g1.xlarge"]
    assert node.allocatable_cpu == 3.9
    assert node.allocatable_memory_mebibytes == 15 * 1024 - (11 * 64 + 255) - 100


def test_every_type_leaves_most_of_itself_and_says_its_gpus_model() -> None:
    for instance in INSTANCE_TYPES.values():
        assert bool(instance.gpu) == bool(instance.gpu_model)
        assert 0.9 * instance.cpu < instance.allocatable_cpu < instance.cpu
        assert instance.allocatable_memory_mebibytes > 0.85 * instance.memory_gibibytes * 1024
