"""How a thing is found whose identifier the cloud drew: by name, place and tags; and never somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from infra.resume.identifiers import DERIVED, KUBERNETES
from infra.resume.searches import SEARCHES

NETWORK = SEARCHES["alicloud:vpc/network:Network"]
INPUTS = {"vpcName": "main", "cidrBlock": "10.0.0.0/8", "tags": {"project": "models", "business": "qa"}}


class Answers:
    """Answers every list with the same rows, and remembers what was asked."""

    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self.rows = rows
        self.asked: list[tuple[str, dict[str, str]]] = []

    def rpc(self, product: str, version: str, action: str, rows: str, **query: str) -> Iterator[Mapping[str, Any]]:
        self.asked.append((action, query))
        return iter(self.rows)

    def roa(self, product: str, version: str, path: str, rows: str, **query: str) -> Iterator[Mapping[str, Any]]:
        self.asked.append((path, query))
        return iter(self.rows)

    def replication_rules(self, bucket: str) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)


def row(**changes: Any) -> dict[str, Any]:
    return {"VpcId": "vpc-1", "VpcName": "main", "CidrBlock": "10.0.0.0/8", "Status": "Available", **changes}


def tagged(**tags: str) -> dict[str, Any]:
    return {"Tags": {"Tag": [{"Key": key, "Value": value} for key, value in tags.items()]}}


@pytest.mark.parametrize(
    ("candidate", "is_it"),
    [
        (row(), True),
        (row(**tagged(business="qa", more="x")), True),
        (row(**tagged(business="textgen")), False),
        (row(VpcName="main-2"), False),
        (row(CidrBlock="172.16.0.0/12"), False),
        (row(Status="Pending"), True),
    ],
)
def test_a_network_is_found_by_name_range_and_tags(candidate: dict[str, Any], is_it: bool) -> None:
    api = Answers(candidate)
    assert bool(NETWORK.found(api, INPUTS)) is is_it
    assert api.asked == [("DescribeVpcs", {"VpcName": "main"})]


def test_a_network_that_is_still_being_made_is_not_ready() -> None:
    assert not NETWORK.is_ready(row(Status="Pending"))
    assert NETWORK.identifier(row(), INPUTS) == "vpc-1"


def test_a_key_on_its_way_out_is_not_the_one_that_was_being_made() -> None:
    search = SEARCHES["alicloud:kms/key:Key"]
    keys = [{"KeyId": "k", "Description": "d", "KeyState": state} for state in ("PendingDeletion", "Enabled")]
    assert search.found(Answers(keys[0]), {"description": "d"}) == []
    assert search.found(Answers(keys[1]), {"description": "d"}) == [keys[1]]


def test_a_pools_identifier_names_its_cluster_and_a_failed_cluster_is_broken() -> None:
    pool = {"nodepool_info": {"name": "qa-serving", "nodepool_id": "np-1"}, "status": {"state": "active"}}
    search, inputs = SEARCHES["alicloud:cs/nodePool:NodePool"], {"clusterId": "c-1", "nodePoolName": "qa-serving"}
    api = Answers(pool)
    assert [search.identifier(found, inputs) for found in search.found(api, inputs)] == ["c-1:np-1"]
    assert api.asked == [("/clusters/c-1/nodepools", {})]
    assert SEARCHES["alicloud:cs/managedKubernetes:ManagedKubernetes"].is_broken({"state": "failed"})


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_everything_that_the_program_makes_can_be_taken_up(stack: str, committed: Callable) -> None:
    kinds = {
        item.type for item in committed(stack).registrations if item.custom and not item.type.startswith("pulumi:")
    }
    assert len(kinds) > 10
    assert {kind for kind in kinds if not kind.startswith(KUBERNETES)} <= DERIVED.keys() | SEARCHES.keys()
