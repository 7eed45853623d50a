"""Actions on security groups and their rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import check_region, new_identifier
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.tags import tag_list
from sandbox.cloud.ecs.descriptions import describe_permission
from sandbox.cloud.ecs.errors import security_group_in_use, security_group_not_found
from sandbox.cloud.ecs.model import Compute, SecurityGroup


class SecurityGroupActions:
    """Security groups and rules."""

    context: Context
    compute: Compute
    used_by: Callable[[str], str | None]

    @action(
        "CreateSecurityGroup",
        "VpcId SecurityGroupName Description SecurityGroupType ResourceGroupId Tag",
    )
    def create_security_group(self, call: Call) -> Answer:
        """Make a security group without rules."""
        parameters = call.parameters
        group = self.new_group(
            region=check_region(call.region),
            vpc_id=parameters.text("VpcId"),
            name=parameters.text("SecurityGroupName"),
            description=parameters.text("Description"),
            kind=parameters.choice("SecurityGroupType", "normal", ("normal", "enterprise")),
            resource_group_id=parameters.text("ResourceGroupId"),
            tags=parameters.tags(),
        )
        return {"SecurityGroupId": group.identifier}

    def new_group(
        self,
        *,
        region: str,
        vpc_id: str,
        name: str,
        description: str,
        kind: str,
        resource_group_id: str,
        tags: Mapping[str, str],
    ) -> SecurityGroup:
        """Keep a new group; clusters make theirs this way."""
        group = SecurityGroup(
            identifier=new_identifier("sg", region),
            region=region,
            created=self.context.clock.now(),
            name=name,
            description=description,
            vpc_id=vpc_id,
            resource_group_id=resource_group_id,
            kind=kind,
            inner_access="Accept" if kind == "normal" else "Drop",
        )
        with self.context.store.transaction():
            self.compute.security_groups.put(group.identifier, group, region)
            self.compute.tags.add("securitygroup", group.identifier, dict(tags))
        return group

    @action(
        "DescribeSecurityGroups",
        f"SecurityGroupId SecurityGroupIds VpcId SecurityGroupName SecurityGroupType ResourceGroupId {PAGING}",
    )
    def describe_security_groups(self, call: Call) -> Answer:
        """The groups of a region."""
        parameters = call.parameters
        wanted = [*parameters.texts("SecurityGroupIds"), *filter(None, [parameters.text("SecurityGroupId")])]
        vpc_id, name = parameters.text("VpcId"), parameters.text("SecurityGroupName")
        kind, resource_group = parameters.text("SecurityGroupType"), parameters.text("ResourceGroupId")
        found = [
            group
            for group in self.compute.security_groups.list(call.region, wanted)
            if vpc_id in ("", group.vpc_id)
            and name in ("", group.name)
            and kind in ("", group.kind)
            and resource_group in ("", group.resource_group_id)
        ]
        chosen, paging = page(found, parameters)
        groups = [self.describe_group(group) for group in chosen]
        return {"SecurityGroups": {"SecurityGroup": groups}, "RegionId": call.region, **paging}

    @action("DescribeSecurityGroupAttribute", "SecurityGroupId Direction NicType MaxResults NextToken")
    def describe_security_group_attribute(self, call: Call) -> Answer:
        """A group's rules."""
        group = self.find_group(call)
        direction = call.parameters.text("Direction", "all")
        rules = [describe_permission(rule) for rule in group.permissions if direction in ("all", rule.direction)]
        return {
            "SecurityGroupId": group.identifier,
            "SecurityGroupName": group.name,
            "Description": group.description,
            "RegionId": group.region,
            "VpcId": group.vpc_id,
            "InnerAccessPolicy": group.inner_access,
            "Permissions": {"Permission": rules},
        }

    @action("ModifySecurityGroupAttribute", "SecurityGroupId SecurityGroupName Description")
    def modify_security_group_attribute(self, call: Call) -> Answer:
        """Change a group's name or description."""
        group = self.find_group(call)
        changes = {}
        for parameter, field in (("SecurityGroupName", "name"), ("Description", "description")):
            if call.parameters.given(parameter):
                changes[field] = call.parameters.text(parameter)
        self.put(group.model_copy(update=changes))
        return {}

    @action("ModifySecurityGroupPolicy", "SecurityGroupId InnerAccessPolicy")
    def modify_security_group_policy(self, call: Call) -> Answer:
        """Allow or forbid traffic among the group's members."""
        policy = call.parameters.required("InnerAccessPolicy").capitalize()
        if policy not in ("Accept", "Drop"):
            raise invalid_parameter("InnerAccessPolicy", policy, "it must be Accept or Drop")
        self.put(self.find_group(call).model_copy(update={"inner_access": policy}))
        return {}

    @action("JoinResourceGroup", "ResourceId ResourceType ResourceGroupId")
    def join_resource_group(self, call: Call) -> Answer:
        """Put a group into another resource group."""
        identifier = call.parameters.required("ResourceId")
        group = self.compute.security_groups.get(identifier)
        if group is None:
            raise security_group_not_found(identifier)
        self.put(group.model_copy(update={"resource_group_id": call.parameters.required("ResourceGroupId")}))
        return {}

    @action("DeleteSecurityGroup", "SecurityGroupId")
    def delete_security_group(self, call: Call) -> Answer:
        """Delete a group that nothing uses."""
        group = self.find_group(call)
        user = self.used_by(group.identifier)
        if user is None:
            others = self.compute.security_groups.list(group.region)
            user = next(
                (
                    other.identifier
                    for other in others
                    for rule in other.permissions
                    if rule.group_id == group.identifier and other.identifier != group.identifier
                ),
                None,
            )
        if user is not None:
            raise security_group_in_use(group.identifier, user)
        self.compute.security_groups.delete(group.identifier)
        self.compute.tags.forget("securitygroup", group.identifier)
        return {}

    def find_group(self, call: Call) -> SecurityGroup:
        """The group that the call names."""
        identifier = call.parameters.required("SecurityGroupId")
        group = self.compute.security_groups.get(identifier)
        if group is None or group.region != call.region:
            raise security_group_not_found(identifier)
        return group

    def put(self, group: SecurityGroup) -> None:
        """Keep a changed group."""
        self.compute.security_groups.put(group.identifier, group, group.region)

    def describe_group(self, group: SecurityGroup) -> dict[str, Any]:
        """A group as the cloud lists it."""
        return {
            "SecurityGroupId": group.identifier,
            "SecurityGroupName": group.name,
            "Description": group.description,
            "VpcId": group.vpc_id,
            "SecurityGroupType": group.kind,
            "ResourceGroupId": group.resource_group_id,
            "CreationTime": iso(group.created),
            "RuleCount": len(group.permissions),
            "Tags": {
                "Tag": [
                    {"TagKey": tag["Key"], "TagValue": tag["Value"]}
                    for tag in tag_list(self.compute.tags.of("securitygroup", group.identifier))
                ]
            },
        }
