"""The RAM service, API version 2015-05-01: roles and what is attached to them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.ram.access_keys import AccessKeyActions
from sandbox.cloud.ram.errors import (
    already_exists,
    attachment_not_found,
    delete_conflict,
    malformed_policy,
    role_not_found,
)
from sandbox.cloud.ram.model import Attachment, Identities, Role
from sandbox.cloud.ram.users import UserActions

ROLE_NAME = re.compile(r"[A-Za-z0-9.\-]{1,64}")
SHORTEST_SESSION = 3600
LONGEST_SESSION = 43200


@dataclass
class RamService(UserActions, AccessKeyActions, Service):
    """Roles, users, policies, attachments."""

    name: ClassVar[str] = "Ram"
    version: ClassVar[str] = "2015-05-01"
    hosts: ClassVar[tuple[str, ...]] = ("ram",)

    context: Context
    identities: Identities

    @action("CreateRole", "RoleName AssumeRolePolicyDocument Description MaxSessionDuration Tag")
    def create_role(self, call: Call) -> Answer:
        """Make a role."""
        parameters = call.parameters
        name = parameters.required("RoleName")
        if ROLE_NAME.fullmatch(name) is None:
            raise invalid_parameter("RoleName", name, "1 to 64 letters, digits, dots and hyphens")
        if self.identities.role(name) is not None:
            raise already_exists("Role", name)
        now = self.context.clock.now()
        role = Role(
            name=name,
            identifier="3" + random_text(17, "0123456789"),
            description=parameters.text("Description"),
            trust=check_trust(parameters.required("AssumeRolePolicyDocument")),
            longest_session=parameters.integer(
                "MaxSessionDuration", SHORTEST_SESSION, SHORTEST_SESSION, LONGEST_SESSION
            ),
            created=now,
            updated=now,
        )
        self.identities.roles.put(name.lower(), role)
        self.identities.tags.add("role", name, parameters.tags())
        return {"Role": self.describe_role(role)}

    @action("GetRole", "RoleName")
    def get_role(self, call: Call) -> Answer:
        """One role."""
        return {"Role": self.describe_role(self.find_role(call))}

    @action("ListRoles", "Marker MaxItems")
    def list_roles(self, call: Call) -> Answer:
        """All roles, in one page."""
        roles = [self.describe_role(role) for role in self.identities.roles.list()]
        return {"Roles": {"Role": roles}, "IsTruncated": False}

    @action("UpdateRole", "RoleName NewAssumeRolePolicyDocument NewDescription NewMaxSessionDuration")
    def update_role(self, call: Call) -> Answer:
        """Change a role."""
        role, parameters = self.find_role(call), call.parameters
        changes: dict[str, Any] = {"updated": self.context.clock.now()}
        if parameters.given("NewDescription"):
            changes["description"] = parameters.text("NewDescription")
        if parameters.text("NewAssumeRolePolicyDocument"):
            changes["trust"] = check_trust(parameters.text("NewAssumeRolePolicyDocument"))
        if parameters.text("NewMaxSessionDuration"):
            changes["longest_session"] = parameters.integer(
                "NewMaxSessionDuration", role.longest_session, SHORTEST_SESSION, LONGEST_SESSION
            )
        changed = self.identities.roles.put(role.name.lower(), role.model_copy(update=changes))
        return {"Role": self.describe_role(changed)}

    @action("DeleteRole", "RoleName")
    def delete_role(self, call: Call) -> Answer:
        """Delete a role that has no policies."""
        role = self.find_role(call)
        attached = self.identities.attachments_of_role(role.name)
        if attached:
            raise delete_conflict("Role.Policy", role.name, f"policy {attached[0].policy} is attached; detach it first")
        self.identities.roles.delete(role.name.lower())
        self.identities.tags.forget("role", role.name)
        return {}

    @action("AttachPolicyToRole", "RoleName PolicyName PolicyType")
    def attach_policy_to_role(self, call: Call) -> Answer:
        """Give a role what a policy allows."""
        role, (policy, kind) = self.find_role(call), self.policy_reference(call)
        attachment = Attachment(role=role.name, policy=policy, kind=kind, created=self.context.clock.now())
        if self.identities.attachments.get(attachment.key.lower()) is not None:
            raise already_exists("Role.Policy", f"{policy} on {role.name}")
        self.identities.attachments.put(attachment.key.lower(), attachment)
        return {}

    @action("DetachPolicyFromRole", "RoleName PolicyName PolicyType")
    def detach_policy_from_role(self, call: Call) -> Answer:
        """Take from a role what a policy allows."""
        role, (policy, kind) = self.find_role(call), self.policy_reference(call)
        attachment = Attachment(role=role.name, policy=policy, kind=kind, created=self.context.clock.now())
        if not self.identities.attachments.delete(attachment.key.lower()):
            raise attachment_not_found(role.name, policy)
        return {}

    @action("ListPoliciesForRole", "RoleName")
    def list_policies_for_role(self, call: Call) -> Answer:
        """What is attached to a role."""
        found = [
            self.describe_attached(item.policy, item.kind) | {"AttachDate": iso(item.created)}
            for item in self.identities.attachments_of_role(self.find_role(call).name)
        ]
        return {"Policies": {"Policy": found}}

    @action("TagResources", "ResourceType ResourceNames Tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags to roles, users or policies."""
        for name in call.parameters.texts("ResourceNames"):
            self.identities.tags.add(call.parameters.required("ResourceType"), name, call.parameters.tags())
        return {}

    @action("UntagResources", "ResourceType ResourceNames TagKeys TagKey All")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags of roles, users or policies."""
        parameters = call.parameters
        keys = [*parameters.texts("TagKeys"), *parameters.texts("TagKey")]
        for name in parameters.texts("ResourceNames"):
            kind = parameters.required("ResourceType")
            self.identities.tags.remove(kind, name, keys, every=parameters.boolean("All"))
        return {}

    @action("ListTagResources", "ResourceType ResourceNames NextToken Tag")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of roles, users or policies."""
        kind = call.parameters.required("ResourceType")
        records = self.identities.tags.records(kind, call.parameters.texts("ResourceNames"))
        return {"TagResources": {"TagResource": records}}

    def find_role(self, call: Call) -> Role:
        """The role that the call names."""
        name = call.parameters.required("RoleName")
        role = self.identities.role(name)
        if role is None:
            raise role_not_found(name)
        return role

    def describe_role(self, role: Role) -> dict[str, Any]:
        """A role as the service describes it."""
        return {
            "RoleId": role.identifier,
            "RoleName": role.name,
            "Arn": f"acs:ram::{self.context.accounts.account_id}:role/{role.name.lower()}",
            "Description": role.description,
            "AssumeRolePolicyDocument": role.trust,
            "MaxSessionDuration": role.longest_session,
            "CreateDate": iso(role.created),
            "UpdateDate": iso(role.updated),
        }

    def status(self) -> dict[str, Any]:
        """What the status page shows."""
        return {
            "roles": [role.name for role in self.identities.roles.list()],
            "users": [user.name for user in self.identities.users.list()],
        }


def check_trust(text: str) -> str:
    """A trust policy: who may take the role on. Kept as it came."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise malformed_policy(f"it is not JSON ({error})") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    if not isinstance(statements, list) or not statements or str(document.get("Version")) != "1":
        raise malformed_policy('a trust policy is an object with "Version": "1" and a list "Statement"')
    for statement in statements:
        if not isinstance(statement, dict) or not isinstance(statement.get("Principal"), dict):
            raise malformed_policy("each statement of a trust policy names a Principal")
    return text
