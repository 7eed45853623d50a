"""Taking up an interrupted update, with cloud and Pulumi played: what is done in which order, and what is refused."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.resume import engine, work
from infra.resume.errors import ResumeError
from infra.resume.work import lines, resume

NETWORK, BUCKET = "alicloud:vpc/network:Network", "alicloud:oss/bucket:Bucket"
PROVIDER = "urn:pulumi:qa::p::pulumi:providers:alicloud::a"


class Played:
    """Pulumi with one stack, and a cloud with networks and buckets."""

    def __init__(self) -> None:
        self.account_number = "1234567890123456"
        self.networks: list[dict[str, Any]] = []
        self.buckets: set[str] = set()
        self.done: list[str] = []
        moment = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)).isoformat()
        provider = {"urn": PROVIDER, "type": "pulumi:providers:alicloud", "id": "1", "inputs": {"region": "cn-beijing"}}
        self.state: dict[str, Any] = {
            "version": 3,
            "deployment": {"manifest": {"time": moment}, "resources": [provider], "pending_operations": []},
        }

    def note(self, kind: str, **inputs: Any) -> str:
        """Let the stack be making something; its URN."""
        urn = f"urn:pulumi:qa::p::{kind}::{kind.rpartition(':')[2].lower()}"
        resource = {"urn": urn, "type": kind, "custom": True, "inputs": inputs, "provider": f"{PROVIDER}::1"}
        self.state["deployment"]["pending_operations"].append({"type": "creating", "resource": resource})
        return urn

    def export(self, stack: str) -> dict[str, Any]:
        return self.state

    def replace(self, stack: str, content: dict[str, Any]) -> None:
        self.done.append("replace")
        self.state = content

    def refresh(self, stack: str, urns: Mapping[str, str]) -> None:
        self.done.append("refresh")
        there = {network["VpcId"] for network in self.networks} | self.buckets
        resources = [
            item for item in self.state["deployment"]["resources"] if item["urn"] not in urns or item["id"] in there
        ]
        self.state = {**self.state, "deployment": {**self.state["deployment"], "resources": resources}}

    def account(self) -> str:
        return self.account_number

    def rpc(self, product: str, version: str, action: str, rows: str, **query: str) -> Iterator[Mapping[str, Any]]:
        return iter(self.networks)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    for name in ("export", "replace", "refresh"):
        monkeypatch.setattr(engine, name, getattr(played, name))
    monkeypatch.setattr(work, "_clouds", lambda regions: dict.fromkeys(regions, played))
    monkeypatch.setattr(work, "end_leftovers", list)
    monkeypatch.setattr(work, "POLL_SECONDS", 0.0)
    return played


def network(identifier: str, **changes: Any) -> dict[str, Any]:
    return {"VpcId": identifier, "VpcName": "main", "Status": "Available", **changes}


def ignore(line: str) -> None:
    """Progress, which these tests do not look at."""


def test_a_stack_that_nothing_interrupted_is_left_alone(played: Played) -> None:
    assert resume("qa", ignore) == []
    assert played.done == []


def test_what_was_made_becomes_the_stacks_and_what_was_not_is_forgotten(played: Played) -> None:
    urn = played.note(NETWORK, vpcName="main")
    played.note(BUCKET, bucket="data")
    played.networks = [network("vpc-1")]
    told = lines(resume("qa", ignore))
    assert told == ["Network network is the stack's now, as vpc-1", "Bucket bucket was not made"]
    assert played.done == ["replace", "refresh", "replace"]
    deployment = played.state["deployment"]
    assert deployment["pending_operations"] == []
    assert [(item["urn"], item["id"]) for item in deployment["resources"][1:]] == [(urn, "vpc-1")]


def test_nothing_is_refreshed_where_nothing_was_made(played: Played) -> None:
    played.note(NETWORK, vpcName="main")
    assert lines(resume("qa", ignore)) == ["Network network was not made"]
    assert played.done == ["replace"]


def test_what_is_still_being_made_is_waited_for(played: Played) -> None:
    played.note(NETWORK, vpcName="main")
    played.networks = [network("vpc-1", Status="Pending")]
    told: list[str] = []

    def grow_up(line: str) -> None:
        told.append(line)
        played.networks[0]["Status"] = "Available"

    assert "vpc-1" in lines(resume("qa", grow_up))[0]
    assert told == ["waiting for Network network (vpc-1), which is 'Pending'"]


@pytest.mark.parametrize(
    ("networks", "kind", "account", "words"),
    [
        ([network("vpc-1"), network("vpc-2")], NETWORK, "1234567890123456", "vpc-1, vpc-2; delete those"),
        ([], "alicloud:ess/group:Group", "1234567890123456", "not known how to look for a alicloud:ess/group:Group"),
        ([], NETWORK, "9999999999999999", "belong to the account 9999999999999999, the stack to 1234567890123456"),
    ],
)
def test_what_cannot_be_told_stops_it_before_anything_is_changed(
    played: Played, networks: list[dict[str, Any]], kind: str, account: str, words: str
) -> None:
    played.note(kind, vpcName="main")
    role = {"urn": "r", "type": "t", "id": "r", "outputs": {"arn": "acs:ram::1234567890123456:role/x"}}
    played.state["deployment"]["resources"].append(role)
    played.networks, played.account_number = networks, account
    with pytest.raises(ResumeError, match=words):
        resume("qa", ignore)
    assert played.done == []


def test_a_second_one_that_a_later_update_made_is_kept_and_the_first_is_named(played: Played) -> None:
    urn = played.note(NETWORK, vpcName="main")
    made = {
        "urn": urn,
        "type": NETWORK,
        "id": "vpc-2",
        "inputs": {"vpcName": "main"},
        "outputs": {"vpcName": "main", "id": "vpc-2"},
    }
    played.state["deployment"]["resources"].append(made)
    played.networks = [network("vpc-1"), network("vpc-2")]
    (line,) = lines(resume("qa", ignore))
    assert line == "Network network was made by a later update as vpc-2; delete what no stack knows: vpc-1"
    assert played.state["deployment"]["resources"][-1] == made
