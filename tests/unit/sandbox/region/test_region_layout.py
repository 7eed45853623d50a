"""Names that cleanup relies on: short enough for the kernel, and never shared by two things."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.addresses import MAXIMUM_INDEX, MAXIMUM_REGIONS, Addresses
from sandbox.region.errors import RegionError
from sandbox.region.layout import MAXIMUM_NODES, RegionLayout, checked_node_name, checked_region_name, pod_network
from sandbox.region.network import hardware_address
from sandbox.settings import SandboxSettings

LONGEST_NAME = "n" * 63
MAXIMUM_INTERFACE_NAME = 15
MAXIMUM_SOCKET_PATH = 107


def layout(name: str = "cn-hangzhou", slot: int = 0, index: int = 3) -> RegionLayout:
    return RegionLayout(SandboxSettings("test", Addresses(index), Path("/state"), Path("/cache")), name, slot)


def test_interface_names_fit_the_kernels_limit_for_every_sandbox_and_region() -> None:
    names = {
        layout(index=index, slot=slot).host_interface
        for index in range(MAXIMUM_INDEX + 1)
        for slot in range(MAXIMUM_REGIONS)
    }
    assert len(names) == (MAXIMUM_INDEX + 1) * MAXIMUM_REGIONS
    assert max(map(len, names)) <= MAXIMUM_INTERFACE_NAME


def test_socket_paths_fit_the_kernels_limit_whatever_the_state_directory() -> None:
    socket = layout("ap-southeast-1").node("a-business-training-pool-0000").containerd_socket
    assert len(str(socket)) <= MAXIMUM_SOCKET_PATH


def test_a_node_of_one_region_is_never_named_like_another_regions_node() -> None:
    first, second = layout("a").node("b-c"), layout("a-b").node("c")
    assert first.network_namespace != second.network_namespace
    assert first.control_group != second.control_group
    assert first.owner != second.owner


def test_all_that_is_on_the_host_carries_the_sandboxs_prefix() -> None:
    region = layout()
    node = region.node("gpu-1")
    for name in (
        region.network_namespace,
        region.host_interface,
        region.exchange_interface,
        region.control_group,
        region.runtime.name,
    ):
        assert name.startswith("lmc3-")
    for name in (node.network_namespace, node.control_group, node.owner):
        assert name.startswith("lmc3-cn-hangzhou")


def test_ethernet_addresses_are_local_and_one_for_each_ip_address() -> None:
    region = layout()
    addresses = [region.control_plane_address, *(region.node_address(number) for number in range(MAXIMUM_NODES))]
    found = {hardware_address(address) for address in addresses}
    assert len(found) == len(addresses)
    assert hardware_address(region.control_plane_address) == "02:6c:ac:1e:31:02"


def test_pod_networks_of_nodes_are_apart_and_begin_at_the_top() -> None:
    networks = [pod_network(number) for number in range(MAXIMUM_NODES)]
    assert len(set(networks)) == MAXIMUM_NODES
    assert str(networks[0]) == "10.244.255.0/24"


@pytest.mark.parametrize("number", [-1, MAXIMUM_NODES])
def test_a_node_number_outside_the_plan_is_refused(number: int) -> None:
    with pytest.raises(RegionError, match=r"outside 0\.\.189"):
        pod_network(number)


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "a/b", "../a", "n" * 64, "a b", "a..b", "a.-b", ".a", "a.", "a\n"]
)
def test_an_unusable_name_is_refused_with_the_rule(name: str) -> None:
    for check in (checked_node_name, checked_region_name):
        with pytest.raises(RegionError, match="at most 63 lower-case letters"):
            check(name)


@pytest.mark.parametrize("name", [LONGEST_NAME, "a", "cn-hangzhou.172.30.81.10"])
def test_a_name_of_kubernetes_is_accepted_for_a_node(name: str) -> None:
    assert checked_node_name(name) == name


def test_a_dot_in_a_regions_name_is_refused_because_it_divides_region_and_node() -> None:
    with pytest.raises(RegionError, match="region name"):
        checked_region_name("a.b")
