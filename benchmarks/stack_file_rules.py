"""Keys against keys: each function makes a file wrong that is right key by key, or returns None where it cannot."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Values = dict[str, Any]


def _business(values: Values) -> Values | None:
    return next((value for key, value in values["config"].items() if key.endswith(":business")), None)


def _platform(values: Values) -> Values | None:
    return next((value for key, value in values["config"].items() if key.endswith(":platform")), None)


def _of_business(change: Callable[[Values], object]) -> Callable[[Values], Values | None]:
    def across(values: Values) -> Values | None:
        business = _business(values)
        if business is None:
            return None
        change(business)
        return values

    across.__name__ = change.__name__
    return across


def _of_platform(change: Callable[[Values], object]) -> Callable[[Values], Values | None]:
    def across(values: Values) -> Values | None:
        platform = _platform(values)
        if platform is None:
            return None
        change(platform)
        return values

    across.__name__ = change.__name__
    return across


@_of_business
def quota_beyond_the_nodes(business: Values) -> None:
    business["quota"]["gpu"] = 3999


@_of_business
def quota_below_the_job(business: Values) -> None:
    business["quota"]["cpu"] = 0.1


@_of_business
def fewer_pods_than_the_job_has(business: Values) -> None:
    business["quota"]["pods"] = 1


@_of_business
def a_region_that_the_platform_lacks(business: Values) -> None:
    business["regions"][0]["name"] = "cn-nowhere"


@_of_business
def the_same_region_twice(business: Values) -> None:
    business["regions"].append(copy.deepcopy(business["regions"][0]))


@_of_business
def a_platform_that_is_not_there(business: Values) -> None:
    business["platform"] = "nonesuch"


@_of_business
def a_move_after_the_deletion(business: Values) -> None:
    business.setdefault("storage", {}).setdefault("backup", {}).update(
        {"retention_days": 5, "infrequent_access_after_days": 30}
    )


@_of_business
def a_worker_larger_than_a_node(business: Values) -> None:
    business["training"].setdefault("worker", {}).update({"cpu": 64.0, "memory_mebibytes": 4096})


@_of_business
def more_workers_than_the_pool_holds(business: Values) -> None:
    business["training"]["workers"] = 256


@_of_business
def a_key_without_its_encryption(business: Values) -> None:
    business.setdefault("storage", {}).update({"encryption": "AES256", "kms_key": "0123456789abcdef"})


@_of_platform
def a_zone_of_another_region(platform: Values) -> None:
    platform["regions"][0]["network"]["switches"][0]["zone"] = "cn-nowhere-a"


@_of_platform
def switches_that_overlap(platform: Values) -> None:
    switch = platform["regions"][0]["network"]["switches"][0]
    switch["pod_addresses"] = switch["addresses"]


@_of_platform
def a_switch_outside_its_network(platform: Values) -> None:
    platform["regions"][0]["network"]["switches"][0]["addresses"] = "192.168.0.0/20"


@_of_platform
def services_inside_the_network(platform: Values) -> None:
    region = platform["regions"][0]
    region.setdefault("cluster", {})["service_addresses"] = region["network"]["switches"][0]["addresses"]


@_of_platform
def a_network_of_public_addresses(platform: Values) -> None:
    platform["regions"][0]["network"]["addresses"] = "47.96.0.0/12"


@_of_platform
def the_same_region_of_the_platform_twice(platform: Values) -> None:
    platform["regions"].append(copy.deepcopy(platform["regions"][0]))


def both_kinds_of_stack_in_one_file(values: Values) -> Values:
    """A file is one or the other."""
    values["config"]["language-model-clusters:business"] = _business(values) or {"name": "x"}
    values["config"]["language-model-clusters:platform"] = _platform(values) or {"organization": "x"}
    return values


def no_kind_of_stack(values: Values) -> Values:
    """A file that says nothing."""
    values["config"] = {}
    return values


ACROSS: tuple[Callable[[Values], Values | None], ...] = (
    quota_beyond_the_nodes, quota_below_the_job, fewer_pods_than_the_job_has, a_region_that_the_platform_lacks,
    the_same_region_twice, a_platform_that_is_not_there, a_move_after_the_deletion,
    a_worker_larger_than_a_node, more_workers_than_the_pool_holds,
    a_key_without_its_encryption, a_zone_of_another_region, switches_that_overlap, a_switch_outside_its_network,
    services_inside_the_network, a_network_of_public_addresses, the_same_region_of_the_platform_twice,
    both_kinds_of_stack_in_one_file, no_kind_of_stack,
)  # fmt: skip
