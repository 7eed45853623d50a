"""The address plan: two sandboxes, and two regions of one, never meet."""

from __future__ import annotations

import itertools

import pytest

from sandbox.addresses import MAXIMUM_INDEX, MAXIMUM_REGIONS, POD_NETWORK, SERVICE_NETWORK, Addresses


def test_no_two_sandboxes_share_a_network() -> None:
    networks = [
        [Addresses(index).region_network(slot) for slot in range(MAXIMUM_REGIONS)] for index in range(MAXIMUM_INDEX + 1)
    ]
    for one, other in itertools.combinations(itertools.chain.from_iterable(networks), 2):
        assert not one.overlaps(other)


def test_the_clouds_address_is_in_no_region() -> None:
    addresses = Addresses(2)
    assert all(addresses.cloud not in addresses.region_network(slot) for slot in range(MAXIMUM_REGIONS))


def test_roles_within_a_region_have_different_addresses() -> None:
    addresses = Addresses()
    taken = [addresses.region_host(0), addresses.control_plane(0)]
    taken += [addresses.node(0, number) for number in range(190)] + [
        addresses.public(0, number) for number in range(51)
    ]
    assert len(set(taken)) == len(taken)
    assert all(address in addresses.region_network(0) for address in taken)


def test_public_addresses_lie_in_their_range_and_the_regions_meet_outside_of_all_of_them() -> None:
    addresses = Addresses(2)
    for slot in range(MAXIMUM_REGIONS):
        assert all(addresses.public(slot, number) in addresses.public_network(slot) for number in range(51))
        assert addresses.node(slot, 0) not in addresses.public_network(slot)
        assert addresses.exchange(slot) in addresses.exchange_network
    assert addresses.cloud not in {addresses.exchange(slot) for slot in range(MAXIMUM_REGIONS)}


def test_pod_and_service_ranges_are_apart() -> None:
    assert not POD_NETWORK.overlaps(SERVICE_NETWORK)


@pytest.mark.parametrize("index", [-1, 16])
def test_an_index_outside_its_range_names_the_variable_to_set(index: int) -> None:
    with pytest.raises(ValueError, match=rf"{index} is outside 0..15.*SANDBOX_INDEX"):
        Addresses(index)


def test_a_region_too_many_is_refused_with_the_limit() -> None:
    with pytest.raises(ValueError, match="at most 15 regions"):
        Addresses().region_network(15)
