"""Finds what was made from given inputs where the cloud drew its identifier: by its name, its place and its tags.

The names are the program's own (infra/naming.py), and so are the tags: something of the same name whose tags say that
it belongs to somebody else is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.resume.state import Inputs

Row = Mapping[str, Any]
"""A thing as the cloud describes it."""


class Api(Protocol):
    """The calls of one region that searches need; each yields all rows, whatever the pages."""

    def rpc(self, product: str, version: str, action: str, rows: str, **query: str) -> Iterator[Row]: ...

    def roa(self, product: str, version: str, path: str, rows: str, **query: str) -> Iterator[Row]: ...

    def replication_rules(self, bucket: str) -> Iterator[Row]: ...


@dataclass(frozen=True)
class Search:
    """How a type is searched for."""

    rows: Callable[[Api, Inputs], Iterator[Row]]
    """Candidates; the cloud may filter less sharply than asked."""
    same: Mapping[str, str]
    """Fields of a row that equal an input, where that is given."""
    identifier: Callable[[Row, Inputs], str]
    state: str = ""
    """The field that says whether it is ready; empty where it is as soon as it is there."""
    ready: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    """States from which it does not become ready by itself."""
    hidden: frozenset[str] = frozenset()
    """States in which it is on its way out, and not what was being made."""

    def found(self, api: Api, inputs: Inputs) -> list[Row]:
        """What may have been made from these inputs."""
        return [
            row
            for row in self.rows(api, inputs)
            if all(key not in inputs or _equal(field(row, name), inputs[key]) for name, key in self.same.items())
            and self.state_of(row) not in self.hidden
            and not _is_of_another(row, inputs)
        ]

    def state_of(self, row: Row) -> str:
        """In the cloud's own word."""
        return str(field(row, self.state)) if self.state else ""

    def is_ready(self, row: Row) -> bool:
        """Whether other things can be made that need it."""
        return not self.state or self.state_of(row) in self.ready

    def is_broken(self, row: Row) -> bool:
        """Whether waiting is of no use."""
        return self.state_of(row) in self.broken


def field(row: Row, path: str) -> Any:
    """The value under a dotted path; None where there is none."""
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _equal(found: Any, wanted: Any) -> bool:
    return str(found) == str(wanted)


def _is_of_another(row: Row, inputs: Inputs) -> bool:
    """Whether its tags contradict those that it was to get; it has none yet if the engine died before it set them."""
    wanted = inputs.get("tags") or {}
    return any(key in wanted and str(wanted[key]) != value for key, value in _tags(row))


def _tags(row: Row) -> Iterator[tuple[str, str]]:
    for name in ("Tags", "tags"):
        value = row.get(name) or []
        if isinstance(value, Mapping):
            value = value.get("Tag") or []
        for item in value:
            key = item.get("Key") or item.get("TagKey") or item.get("key")
            yield str(key), str(item.get("Value") or item.get("TagValue") or item.get("value") or "")


def _network(action: str, rows: str, **parameters: str) -> Callable[[Api, Inputs], Iterator[Row]]:
    return lambda api, inputs: api.rpc("vpc", "2016-04-28", action, rows, **_query(parameters, inputs))


def _query(parameters: Mapping[str, str], inputs: Inputs) -> dict[str, str]:
    """Parameters of a call, by the input that each takes its value from."""
    return {name: str(inputs[key]) for name, key in parameters.items() if key in inputs}


def _keys(api: Api, inputs: Inputs) -> Iterator[Row]:
    for key in api.rpc("kms", "2016-01-20", "ListKeys", "Keys.Key"):
        yield from api.rpc("kms", "2016-01-20", "DescribeKey", "KeyMetadata", KeyId=str(key["KeyId"]))


def _records(api: Api, inputs: Inputs) -> Iterator[Row]:
    query = _query({"DomainName": "domainName", "RRKeyWord": "rr", "Type": "type", "Line": "line"}, inputs)
    return api.rpc("alidns", "2015-01-09", "DescribeDomainRecords", "DomainRecords.Record", **query)


AVAILABLE = frozenset({"Available"})
SEARCHES: dict[str, Search] = {
    "alicloud:vpc/network:Network": Search(
        rows=_network("DescribeVpcs", "Vpcs.Vpc", VpcName="vpcName"),
        same={"VpcName": "vpcName", "CidrBlock": "cidrBlock"},
        identifier=lambda row, inputs: str(row["VpcId"]),
        state="Status",
        ready=AVAILABLE,
    ),
    "alicloud:vpc/switch:Switch": Search(
        rows=_network("DescribeVSwitches", "VSwitches.VSwitch", VpcId="vpcId", VSwitchName="vswitchName"),
        same={"VpcId": "vpcId", "VSwitchName": "vswitchName", "CidrBlock": "cidrBlock", "ZoneId": "zoneId"},
        identifier=lambda row, inputs: str(row["VSwitchId"]),
        state="Status",
        ready=AVAILABLE,
    ),
    "alicloud:vpc/natGateway:NatGateway": Search(
        rows=_network("DescribeNatGateways", "NatGateways.NatGateway", VpcId="vpcId", Name="natGatewayName"),
        same={"VpcId": "vpcId", "Name": "natGatewayName"},
        identifier=lambda row, inputs: str(row["NatGatewayId"]),
        state="Status",
        ready=AVAILABLE,
        hidden=frozenset({"Deleting"}),
    ),
    "alicloud:vpc/snatEntry:SnatEntry": Search(
        rows=_network("DescribeSnatTableEntries", "SnatTableEntries.SnatTableEntry", SnatTableId="snatTableId"),
        same={"SourceCIDR": "sourceCidr", "SourceVSwitchId": "sourceVswitchId", "SnatIp": "snatIp"},
        identifier=lambda row, inputs: f"{inputs['snatTableId']}:{row['SnatEntryId']}",
        state="Status",
        ready=AVAILABLE,
        hidden=frozenset({"Deleting"}),
    ),
    "alicloud:ecs/eipAddress:EipAddress": Search(
        rows=_network("DescribeEipAddresses", "EipAddresses.EipAddress", EipName="addressName"),
        same={"Name": "addressName"},
        identifier=lambda row, inputs: str(row["AllocationId"]),
        state="Status",
        ready=frozenset({"Available", "InUse"}),
        hidden=frozenset({"Releasing"}),
    ),
    "alicloud:ecs/securityGroup:SecurityGroup": Search(
        rows=lambda api, inputs: api.rpc(
            *("ecs", "2014-05-26", "DescribeSecurityGroups", "SecurityGroups.SecurityGroup"),
            **_query({"VpcId": "vpcId", "SecurityGroupName": "securityGroupName"}, inputs),
        ),
        same={"VpcId": "vpcId", "SecurityGroupName": "securityGroupName"},
        identifier=lambda row, inputs: str(row["SecurityGroupId"]),
    ),
    "alicloud:cs/managedKubernetes:ManagedKubernetes": Search(
        rows=lambda api, inputs: api.roa(
            "cs", "2015-12-15", "/api/v1/clusters", "clusters", **_query({"name": "name"}, inputs)
        ),
        same={"name": "name"},
        identifier=lambda row, inputs: str(row["cluster_id"]),
        state="state",
        ready=frozenset({"running"}),
        broken=frozenset({"failed"}),
        hidden=frozenset({"deleting", "deleted"}),
    ),
    "alicloud:cs/nodePool:NodePool": Search(
        rows=lambda api, inputs: api.roa("cs", "2015-12-15", f"/clusters/{inputs['clusterId']}/nodepools", "nodepools"),
        same={"nodepool_info.name": "nodePoolName"},
        identifier=lambda row, inputs: f"{inputs['clusterId']}:{field(row, 'nodepool_info.nodepool_id')}",
        state="status.state",
        ready=frozenset({"active"}),
        hidden=frozenset({"deleting"}),
    ),
    "alicloud:kms/key:Key": Search(
        rows=_keys,
        same={"Description": "description", "KeySpec": "keySpec"},
        identifier=lambda row, inputs: str(row["KeyId"]),
        state="KeyState",
        ready=frozenset({"Enabled", "Disabled"}),
        hidden=frozenset({"PendingDeletion"}),
    ),
    "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer": Search(
        rows=lambda api, inputs: api.rpc(
            *("slb", "2014-05-15", "DescribeLoadBalancers", "LoadBalancers.LoadBalancer"),
            **_query({"LoadBalancerName": "loadBalancerName"}, inputs),
        ),
        same={"LoadBalancerName": "loadBalancerName", "AddressType": "addressType"},
        identifier=lambda row, inputs: str(row["LoadBalancerId"]),
    ),
    "alicloud:dns/alidnsRecord:AlidnsRecord": Search(
        rows=_records,
        same={"RR": "rr", "Type": "type", "Line": "line", "Value": "value"},
        identifier=lambda row, inputs: str(row["RecordId"]),
    ),
    "alicloud:oss/bucketReplication:BucketReplication": Search(
        rows=lambda api, inputs: (
            row
            for row in api.replication_rules(str(inputs["bucket"]))
            if row["target"] == (inputs.get("destination") or {}).get("bucket")
        ),
        same={},
        identifier=lambda row, inputs: f"{inputs['bucket']}:{row['id']}",
        state="status",
        ready=frozenset({"starting", "doing"}),
        hidden=frozenset({"closing"}),
    ),
}
"""By type. What is neither here nor among the derived identifiers cannot be taken up."""
