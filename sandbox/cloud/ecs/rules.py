"""Actions on the rules of security groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.regions import new_identifier
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.ecs.model import Direction, Permission
from sandbox.cloud.ecs.security_groups import SecurityGroupActions

RULE = (
    "SecurityGroupId Permissions SecurityGroupRuleId IpProtocol PortRange Policy Priority NicType SourceCidrIp "
    "DestCidrIp Ipv6SourceCidrIp Ipv6DestCidrIp SourceGroupId DestGroupId SourceGroupOwnerAccount "
    "DestGroupOwnerAccount SourcePrefixListId DestPrefixListId Description"
)
PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPv6", "GRE", "ALL")


class RuleActions(SecurityGroupActions):
    """Rules for arriving (ingress) and leaving (egress) traffic."""

    @action("AuthorizeSecurityGroup", RULE)
    def authorize_security_group(self, call: Call) -> Answer:
        """Add rules for arriving traffic."""
        return self.authorize(call, "ingress")

    @action("AuthorizeSecurityGroupEgress", RULE)
    def authorize_security_group_egress(self, call: Call) -> Answer:
        """Add rules for leaving traffic."""
        return self.authorize(call, "egress")

    @action("RevokeSecurityGroup", RULE)
    def revoke_security_group(self, call: Call) -> Answer:
        """Remove rules for arriving traffic."""
        return self.revoke(call, "ingress")

    @action("RevokeSecurityGroupEgress", RULE)
    def revoke_security_group_egress(self, call: Call) -> Answer:
        """Remove rules for leaving traffic."""
        return self.revoke(call, "egress")

    @action("ModifySecurityGroupRule", RULE)
    def modify_security_group_rule(self, call: Call) -> Answer:
        """Change the description (and, by rule identifier, the priority and policy) of arriving traffic's rules."""
        return self.modify(call, "ingress")

    @action("ModifySecurityGroupEgressRule", RULE)
    def modify_security_group_egress_rule(self, call: Call) -> Answer:
        """Change the description (and, by rule identifier, the priority and policy) of leaving traffic's rules."""
        return self.modify(call, "egress")

    def authorize(self, call: Call, direction: Direction) -> Answer:
        """Add the rules of a call; one that exists already changes nothing, as on the cloud."""
        group = self.find_group(call)
        kept = list(group.permissions)
        for rule in self.rules_of(call, direction):
            if not any(rule.same_traffic(other) for other in kept):
                kept.append(rule)
        self.put(group.model_copy(update={"permissions": kept}))
        return {}

    def revoke(self, call: Call, direction: Direction) -> Answer:
        """Remove the rules of a call, found by identifier or by their traffic."""
        group = self.find_group(call)
        identifiers = call.parameters.texts("SecurityGroupRuleId")
        if identifiers:
            kept = [rule for rule in group.permissions if rule.identifier not in identifiers]
        else:
            unwanted = self.rules_of(call, direction)
            kept = [rule for rule in group.permissions if not any(rule.same_traffic(other) for other in unwanted)]
        self.put(group.model_copy(update={"permissions": kept}))
        return {}

    def modify(self, call: Call, direction: Direction) -> Answer:
        """Change rules in place."""
        group, parameters = self.find_group(call), call.parameters
        identifier = parameters.text("SecurityGroupRuleId")
        wanted = [] if identifier else self.rules_of(call, direction)
        changed = []
        for rule in group.permissions:
            if rule.identifier == identifier or any(rule.same_traffic(other) for other in wanted):
                changes: dict[str, Any] = {"description": parameters.text("Description", rule.description)}
                changes["priority"] = parameters.integer("Priority", rule.priority, 1, 100)
                changed.append(rule.model_copy(update=changes))
            else:
                changed.append(rule)
        self.put(group.model_copy(update={"permissions": changed}))
        return {}

    def rules_of(self, call: Call, direction: Direction) -> list[Permission]:
        """The rules in a call: a list Permissions, or one rule in flat parameters."""
        records = call.parameters.records("Permissions")
        if not records:
            names = [name for name in RULE.split() if name not in ("Permissions", "SecurityGroupRuleId")]
            records = [{name: call.parameters.text(name) for name in names}]
        return [self.rule(record, direction, call.region) for record in records]

    def rule(self, record: Mapping[str, str], direction: Direction, region: str) -> Permission:
        """One rule from its parameters."""
        protocol = record.get("IpProtocol", "")
        if protocol.upper() not in {name.upper() for name in PROTOCOLS}:
            raise invalid_parameter("IpProtocol", protocol, "it must be one of " + ", ".join(PROTOCOLS))
        if not record.get("PortRange"):
            raise CloudError("InvalidParamter.PortRange", "PortRange is mandatory: FIRST/LAST, or -1/-1 for all.")
        side = "Source" if direction == "ingress" else "Dest"
        priority = record.get("Priority") or "1"
        if not priority.isdigit() or not 1 <= int(priority) <= 100:
            raise invalid_parameter("Priority", priority, "it must be from 1 to 100")
        rule = Permission(
            identifier=new_identifier("sgr", region),
            direction=direction,
            protocol=protocol.upper(),
            port_range=record["PortRange"],
            policy=(record.get("Policy") or "accept").capitalize(),
            priority=int(priority),
            nic_type=record.get("NicType") or "intranet",
            cidr=record.get(f"{side}CidrIp", ""),
            ipv6_cidr=record.get(f"Ipv6{side}CidrIp", ""),
            group_id=record.get(f"{side}GroupId", ""),
            group_owner=record.get(f"{side}GroupOwnerAccount", ""),
            prefix_list_id=record.get(f"{side}PrefixListId", ""),
            description=record.get("Description", ""),
            created=self.context.clock.now(),
        )
        if not (rule.cidr or rule.ipv6_cidr or rule.group_id or rule.prefix_list_id):
            raise CloudError(
                "MissingParameter.Source", f"One of {side}CidrIp, {side}GroupId and {side}PrefixListId must be given."
            )
        return rule
