"""Actions on the account's own policies."""

from __future__ import annotations

import re
from typing import Any

from sandbox.cloud.core.authorization import statements
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.ram.errors import (
    already_exists,
    delete_conflict,
    malformed_policy,
    policy_not_found,
    version_not_found,
)
from sandbox.cloud.ram.model import (
    LARGEST_POLICY,
    MAXIMUM_VERSIONS,
    SYSTEM_POLICIES,
    Identities,
    Policy,
    PolicyVersion,
)

POLICY_NAME = re.compile(r"[A-Za-z0-9\-]{1,128}")


class PolicyActions:
    """Policies, their versions, and what they are attached to."""

    context: Context
    identities: Identities

    @action("CreatePolicy", "PolicyName PolicyDocument Description Tag")
    def create_policy(self, call: Call) -> Answer:
        """Make a policy with its first version."""
        parameters = call.parameters
        name = parameters.required("PolicyName")
        if POLICY_NAME.fullmatch(name) is None:
            raise invalid_parameter("PolicyName", name, "1 to 128 letters, digits and hyphens")
        if self.identities.policy(name) is not None or name in SYSTEM_POLICIES:
            raise already_exists("Policy", name)
        now = self.context.clock.now()
        document = check_document(parameters.required("PolicyDocument"))
        policy = Policy(
            name=name,
            description=parameters.text("Description"),
            versions=[PolicyVersion(identifier="v1", document=document, created=now)],
            default_version="v1",
            next_version=2,
            created=now,
            updated=now,
        )
        self.identities.policies.put(name.lower(), policy)
        self.identities.tags.add("policy", name, parameters.tags())
        return {"Policy": self.describe_policy(policy)}

    @action("GetPolicy", "PolicyName PolicyType")
    def get_policy(self, call: Call) -> Answer:
        """One policy with its text in force."""
        name = call.parameters.required("PolicyName")
        if call.parameters.text("PolicyType") == "System" and name in SYSTEM_POLICIES:
            described = {"PolicyName": name, "PolicyType": "System", "DefaultVersion": "v1", "Description": ""}
            text = {"VersionId": "v1", "IsDefaultVersion": True, "PolicyDocument": SYSTEM_POLICIES[name]}
            return {"Policy": described, "DefaultPolicyVersion": text}
        policy = self.find_policy(call)
        version = next(item for item in policy.versions if item.identifier == policy.default_version)
        return {
            "Policy": self.describe_policy(policy),
            "DefaultPolicyVersion": describe_version(policy, version) | {"PolicyDocument": version.document},
        }

    @action("ListPolicies", "PolicyType Marker MaxItems")
    def list_policies(self, call: Call) -> Answer:
        """All policies, in one page."""
        kind = call.parameters.text("PolicyType")
        found = [self.describe_policy(policy) for policy in self.identities.policies.list() if kind != "System"]
        if kind != "Custom":
            found += [{"PolicyName": name, "PolicyType": "System", "DefaultVersion": "v1"} for name in SYSTEM_POLICIES]
        return {"Policies": {"Policy": found}, "IsTruncated": False}

    @action("UpdatePolicyDescription", "PolicyName NewDescription")
    def update_policy_description(self, call: Call) -> Answer:
        """Change a policy's description."""
        policy = self.find_policy(call)
        changes = {"description": call.parameters.text("NewDescription"), "updated": self.context.clock.now()}
        changed = self.identities.policies.put(policy.name.lower(), policy.model_copy(update=changes))
        return {"Policy": self.describe_policy(changed)}

    @action("CreatePolicyVersion", "PolicyName PolicyDocument SetAsDefault RotateStrategy")
    def create_policy_version(self, call: Call) -> Answer:
        """Add a text to a policy, and put it in force when asked to."""
        policy, parameters = self.find_policy(call), call.parameters
        document = check_document(parameters.required("PolicyDocument"))
        versions = list(policy.versions)
        if len(versions) >= MAXIMUM_VERSIONS:
            strategy = parameters.text("RotateStrategy", "None")
            if strategy != "DeleteOldestNonDefaultVersionWhenLimitExceeded":
                raise CloudError(
                    "LimitExceeded.Policy.Version",
                    f"Policy {policy.name} has {len(versions)} versions of at most {MAXIMUM_VERSIONS}; delete one.",
                    409,
                )
            versions.remove(next(item for item in versions if item.identifier != policy.default_version))
        now = self.context.clock.now()
        version = PolicyVersion(identifier=f"v{policy.next_version}", document=document, created=now)
        default = version.identifier if parameters.boolean("SetAsDefault") else policy.default_version
        changes: dict[str, Any] = {
            "versions": [*versions, version],
            "default_version": default,
            "next_version": policy.next_version + 1,
            "updated": now,
        }
        changed = self.identities.policies.put(policy.name.lower(), policy.model_copy(update=changes))
        return {"PolicyVersion": describe_version(changed, version) | {"PolicyDocument": document}}

    @action("GetPolicyVersion", "PolicyName PolicyType VersionId")
    def get_policy_version(self, call: Call) -> Answer:
        """One text of a policy."""
        policy = self.find_policy(call)
        version = find_version(policy, call.parameters.required("VersionId"))
        return {"PolicyVersion": describe_version(policy, version) | {"PolicyDocument": version.document}}

    @action("ListPolicyVersions", "PolicyName PolicyType")
    def list_policy_versions(self, call: Call) -> Answer:
        """The texts of a policy."""
        policy = self.find_policy(call)
        return {"PolicyVersions": {"PolicyVersion": [describe_version(policy, item) for item in policy.versions]}}

    @action("SetDefaultPolicyVersion", "PolicyName VersionId")
    def set_default_policy_version(self, call: Call) -> Answer:
        """Put a text in force."""
        policy = self.find_policy(call)
        version = find_version(policy, call.parameters.required("VersionId"))
        changes = {"default_version": version.identifier, "updated": self.context.clock.now()}
        self.identities.policies.put(policy.name.lower(), policy.model_copy(update=changes))
        return {}

    @action("DeletePolicyVersion", "PolicyName VersionId")
    def delete_policy_version(self, call: Call) -> Answer:
        """Delete a text that is not in force."""
        policy = self.find_policy(call)
        version = find_version(policy, call.parameters.required("VersionId"))
        if version.identifier == policy.default_version:
            raise delete_conflict("PolicyVersion.Default", policy.name, f"{version.identifier} is in force")
        kept = [item for item in policy.versions if item.identifier != version.identifier]
        self.identities.policies.put(policy.name.lower(), policy.model_copy(update={"versions": kept}))
        return {}

    @action("DeletePolicy", "PolicyName CascadingDelete")
    def delete_policy(self, call: Call) -> Answer:
        """Delete a policy that has one version and is attached to nothing (or with all that, when cascading)."""
        policy = self.find_policy(call)
        attached = self.identities.attachments_of_policy(policy.name, "Custom")
        users = self.identities.users_of_policy(policy.name, "Custom")
        cascading = call.parameters.boolean("CascadingDelete")
        if attached and not cascading:
            raise delete_conflict("Policy.Role", policy.name, f"it is attached to role {attached[0].role}")
        if users and not cascading:
            raise delete_conflict("Policy.User", policy.name, f"it is attached to user {users[0].user}")
        if len(policy.versions) > 1 and not cascading:
            raise delete_conflict("Policy.Version", policy.name, f"it has {len(policy.versions)} versions")
        with self.context.store.transaction():
            for attachment in attached:
                self.identities.attachments.delete(attachment.key.lower())
            for user_attachment in users:
                self.identities.user_attachments.delete(user_attachment.key)
            self.identities.policies.delete(policy.name.lower())
            self.identities.tags.forget("policy", policy.name)
        return {}

    @action("ListEntitiesForPolicy", "PolicyName PolicyType")
    def list_entities_for_policy(self, call: Call) -> Answer:
        """To what a policy is attached: roles and users, for the sandbox has no groups."""
        name, kind = call.parameters.required("PolicyName"), call.parameters.text("PolicyType", "Custom")
        if kind == "Custom":
            self.find_policy(call)
        roles = [
            {"RoleName": item.role, "AttachDate": iso(item.created)}
            for item in self.identities.attachments_of_policy(name, kind)
        ]
        users = [
            {"UserName": item.user, "AttachDate": iso(item.created)}
            for item in self.identities.users_of_policy(name, kind)
        ]
        return {"Roles": {"Role": roles}, "Users": {"User": users}, "Groups": {"Group": []}}

    def find_policy(self, call: Call) -> Policy:
        """The account's own policy that the call names."""
        name = call.parameters.required("PolicyName")
        policy = self.identities.policy(name)
        if policy is None:
            raise policy_not_found(name)
        return policy

    def policy_reference(self, call: Call) -> tuple[str, str]:
        """The name and kind of the policy that the call names, which must exist."""
        name, kind = call.parameters.required("PolicyName"), call.parameters.required("PolicyType")
        if kind == "System":
            if name not in SYSTEM_POLICIES:
                raise policy_not_found(f"{name} (the emulator has {', '.join(SYSTEM_POLICIES)})")
            return name, kind
        if kind != "Custom":
            raise invalid_parameter("PolicyType", kind, "it must be System or Custom")
        policy = self.identities.policy(name)
        if policy is None:
            raise policy_not_found(name)
        return policy.name, kind

    def describe_attached(self, policy: str, kind: str) -> dict[str, Any]:
        """An attached policy, without the date."""
        found = self.identities.policy(policy) if kind == "Custom" else None
        return {
            "PolicyName": policy,
            "PolicyType": kind,
            "Description": found.description if found is not None else "",
            "DefaultVersion": found.default_version if found is not None else "v1",
        }

    def describe_policy(self, policy: Policy) -> dict[str, Any]:
        """A policy as the service describes it."""
        return {
            "PolicyName": policy.name,
            "PolicyType": "Custom",
            "Description": policy.description,
            "DefaultVersion": policy.default_version,
            "AttachmentCount": len(self.identities.attachments_of_policy(policy.name, "Custom"))
            + len(self.identities.users_of_policy(policy.name, "Custom")),
            "CreateDate": iso(policy.created),
            "UpdateDate": iso(policy.updated),
        }


def find_version(policy: Policy, identifier: str) -> PolicyVersion:
    """The version of this name."""
    for version in policy.versions:
        if version.identifier == identifier:
            return version
    raise version_not_found(policy.name, identifier)


def describe_version(policy: Policy, version: PolicyVersion) -> dict[str, Any]:
    """A version without its text."""
    return {
        "VersionId": version.identifier,
        "IsDefaultVersion": version.identifier == policy.default_version,
        "CreateDate": iso(version.created),
    }


def check_document(text: str) -> str:
    """A policy's text, which must be one that can be evaluated. Kept as it came."""
    if len(text) > LARGEST_POLICY:
        raise CloudError(
            "InvalidParameter.PolicyDocument.Length",
            f"The policy document has {len(text)} characters, of at most {LARGEST_POLICY}.",
        )
    try:
        found = statements(text)
    except ValueError as error:
        raise malformed_policy(str(error)) from None
    for statement in found:
        if not ("Action" in statement or "NotAction" in statement):
            raise malformed_policy("a statement has no Action")
        if not ("Resource" in statement or "NotResource" in statement):
            raise malformed_policy("a statement has no Resource")
    return text
