"""Rules as the ECS service describes them."""

from __future__ import annotations

from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.ecs.model import Permission


def describe_permission(rule: Permission) -> dict[str, Any]:
    """A rule as the cloud describes it."""
    arriving = rule.direction == "ingress"
    return {
        "SecurityGroupRuleId": rule.identifier,
        "Direction": rule.direction,
        "IpProtocol": rule.protocol,
        "PortRange": rule.port_range,
        "Policy": rule.policy,
        "Priority": str(rule.priority),
        "NicType": rule.nic_type,
        "SourceCidrIp": rule.cidr if arriving else "",
        "DestCidrIp": "" if arriving else rule.cidr,
        "Ipv6SourceCidrIp": rule.ipv6_cidr if arriving else "",
        "Ipv6DestCidrIp": "" if arriving else rule.ipv6_cidr,
        "SourceGroupId": rule.group_id if arriving else "",
        "DestGroupId": "" if arriving else rule.group_id,
        "SourceGroupOwnerAccount": rule.group_owner if arriving else "",
        "DestGroupOwnerAccount": "" if arriving else rule.group_owner,
        "SourcePrefixListId": rule.prefix_list_id if arriving else "",
        "DestPrefixListId": "" if arriving else rule.prefix_list_id,
        "SourceGroupName": "",
        "DestGroupName": "",
        "Description": rule.description,
        "CreateTime": iso(rule.created),
    }
