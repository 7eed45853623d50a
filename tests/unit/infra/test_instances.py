"""What a node leaves for pods."""

from __future__ import annotations

from infra.instances import INSTANCE_TYPES


def test_a_small_node_keeps_a_tenth_of_a_core_and_a_gibibyte() -> None:
    node = INSTANCE_TYPES["ecs.gn6i-c4g1.xlarge"]
    assert node.allocatable_cpu == 3.9
    assert node.allocatable_memory_mebibytes == 15 * 1024 - (11 * 64 + 255) - 100


def test_every_type_has_gpus_and_leaves_most_of_itself() -> None:
    for instance in INSTANCE_TYPES.values():
        assert instance.gpu >= 1
        assert 0.9 * instance.cpu < instance.allocatable_cpu < instance.cpu
        assert instance.allocatable_memory_mebibytes > 0.9 * instance.memory_gibibytes * 1024
