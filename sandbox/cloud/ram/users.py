"""Actions on users, and on the policies attached to them."""

from __future__ import annotations

import re
from typing import Any

from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.errors import CloudError, invalid_parameter, missing_parameter
from sandbox.cloud.core.parameters import Parameters
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.ram.errors import (
    already_exists,
    attachment_not_found,
    delete_conflict,
    group_not_found,
    part_not_found,
    user_not_found,
)
from sandbox.cloud.ram.model import User, UserAttachment
from sandbox.cloud.ram.policies import PolicyActions

USER_NAME = re.compile(r"[A-Za-z0-9._\-]+")
LONGEST_USER_NAME = 64
LONGEST_TEXT = 128
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MOBILE_PHONE = re.compile(r"\d{1,4}-\d{5,15}")
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


class UserActions(PolicyActions):
    """Users and what they may do."""

    @action("CreateUser", "UserName DisplayName MobilePhone Email Comments Tag")
    def create_user(self, call: Call) -> Answer:
        """Make a user, who may do nothing yet."""
        parameters = call.parameters
        name = checked_name(parameters.required("UserName"), "UserName")
        tags = parameters.tags()
        now = self.context.clock.now()
        user = User(
            name=name,
            identifier="2" + random_text(17, "0123456789"),
            display_name=checked_text(parameters, "DisplayName"),
            mobile_phone=checked_phone(parameters, "MobilePhone"),
            email=checked_email(parameters, "Email"),
            comments=checked_text(parameters, "Comments"),
            created=now,
            updated=now,
        )
        with self.context.store.transaction():
            if self.identities.user(name) is not None:
                raise already_exists("User", name)
            self.identities.users.put(name.lower(), user)
            self.identities.tags.add("user", name, tags)
        return {"User": self.describe_user(user)}

    @action("GetUser", "UserName")
    def get_user(self, call: Call) -> Answer:
        """One user; the caller, when it is one and names none."""
        return {"User": self.describe_user(self.find_user(call))}

    @action("ListUsers", "Marker MaxItems")
    def list_users(self, call: Call) -> Answer:
        """Users in the order they were made, in pages; the marker is the last user's identifier."""
        parameters = call.parameters
        size = parameters.integer("MaxItems", DEFAULT_PAGE, 1, LARGEST_PAGE)
        users = self.identities.users.list()
        marker = parameters.text("Marker")
        if marker:
            places = [place for place, user in enumerate(users) if user.identifier == marker]
            if not places:
                raise invalid_parameter("Marker", marker, "it is the Marker of an earlier answer")
            users = users[places[0] + 1 :]
        page = [self.describe_user(user) for user in users[:size]]
        if len(users) > size:
            return {"Users": {"User": page}, "IsTruncated": True, "Marker": users[size - 1].identifier}
        return {"Users": {"User": page}, "IsTruncated": False}

    @action("UpdateUser", "UserName NewUserName NewDisplayName NewMobilePhone NewEmail NewComments")
    def update_user(self, call: Call) -> Answer:
        """Change a user. Keys and attached policies follow a new name."""
        parameters = call.parameters
        changes: dict[str, Any] = {"updated": self.context.clock.now()}
        if parameters.given("NewDisplayName"):
            changes["display_name"] = checked_text(parameters, "NewDisplayName")
        if parameters.given("NewMobilePhone"):
            changes["mobile_phone"] = checked_phone(parameters, "NewMobilePhone")
        if parameters.given("NewEmail"):
            changes["email"] = checked_email(parameters, "NewEmail")
        if parameters.given("NewComments"):
            changes["comments"] = checked_text(parameters, "NewComments")
        new_name = parameters.text("NewUserName")
        with self.context.store.transaction():
            user = self.find_user(call)
            changed = user.model_copy(update=changes)
            if new_name and new_name != user.name:
                changed = changed.model_copy(update={"name": checked_name(new_name, "NewUserName")})
                self.rename(user.name, new_name)
            self.identities.users.put(changed.name.lower(), changed)
        return {"User": self.describe_user(changed)}

    def rename(self, old: str, new: str) -> None:
        """Let everything that hangs on a user's name follow it to a free one; the user itself is written after."""
        identities, accounts = self.identities, self.context.accounts
        if new.lower() != old.lower():
            if identities.user(new) is not None:
                raise already_exists("User", new)
            identities.users.delete(old.lower())
        for attachment in identities.attachments_of_user(old):
            identities.user_attachments.delete(attachment.key)
            moved = attachment.model_copy(update={"user": new})
            identities.user_attachments.put(moved.key, moved)
        for key in accounts.keys_of(old):
            accounts.replace_key(key.model_copy(update={"user_name": new}))
        tags = identities.tags.of("user", old)
        identities.tags.forget("user", old)
        identities.tags.add("user", new, tags)

    @action("DeleteUser", "UserName")
    def delete_user(self, call: Call) -> Answer:
        """Delete a user that has neither keys nor policies."""
        with self.context.store.transaction():
            user = self.find_user(call)
            attached = self.identities.attachments_of_user(user.name)
            if attached:
                reason = f"policy {attached[0].policy} is attached; detach it first"
                raise delete_conflict("User.Policy", user.name, reason)
            keys = self.context.accounts.keys_of(user.name)
            if keys:
                reason = f"it has the access key {keys[0].access_key_id}; delete it first"
                raise delete_conflict("User.AccessKey", user.name, reason)
            self.identities.users.delete(user.name.lower())
            self.identities.tags.forget("user", user.name)
        return {}

    @action("AttachPolicyToUser", "UserName PolicyName PolicyType")
    def attach_policy_to_user(self, call: Call) -> Answer:
        """Give a user what a policy allows."""
        with self.context.store.transaction():
            user, (policy, kind) = self.find_user(call), self.policy_reference(call)
            attachment = UserAttachment(user=user.name, policy=policy, kind=kind, created=self.context.clock.now())
            if self.identities.user_attachments.get(attachment.key) is not None:
                raise already_exists("User.Policy", f"{policy} on {user.name}")
            self.identities.user_attachments.put(attachment.key, attachment)
        return {}

    @action("DetachPolicyFromUser", "UserName PolicyName PolicyType")
    def detach_policy_from_user(self, call: Call) -> Answer:
        """Take from a user what a policy allows."""
        user, (policy, kind) = self.find_user(call), self.policy_reference(call)
        attachment = UserAttachment(user=user.name, policy=policy, kind=kind, created=self.context.clock.now())
        if not self.identities.user_attachments.delete(attachment.key):
            raise attachment_not_found(user.name, policy, "User")
        return {}

    @action("ListPoliciesForUser", "UserName")
    def list_policies_for_user(self, call: Call) -> Answer:
        """What is attached to a user."""
        found = [
            self.describe_attached(item.policy, item.kind) | {"AttachDate": iso(item.created)}
            for item in self.identities.attachments_of_user(self.find_user(call).name)
        ]
        return {"Policies": {"Policy": found}}

    @action("ListGroupsForUser", "UserName")
    def list_groups_for_user(self, call: Call) -> Answer:
        """The user's groups: none, as the emulator cannot make any."""
        self.find_user(call)
        return {"Groups": {"Group": []}}

    @action("RemoveUserFromGroup", "UserName GroupName")
    def remove_user_from_group(self, call: Call) -> Answer:
        """Fails: there are no groups."""
        self.find_user(call)
        raise group_not_found(call.parameters.required("GroupName"))

    @action("DetachPolicyFromGroup", "PolicyName PolicyType GroupName")
    def detach_policy_from_group(self, call: Call) -> Answer:
        """Fails: there are no groups."""
        call.parameters.required("PolicyName")
        call.parameters.text("PolicyType")
        raise group_not_found(call.parameters.required("GroupName"))

    @action("GetLoginProfile", "UserName")
    def get_login_profile(self, call: Call) -> Answer:
        """The user's way into the console: none has one, as there is no console."""
        raise part_not_found(self.find_user(call).name, "LoginProfile")

    @action("DeleteLoginProfile", "UserName")
    def delete_login_profile(self, call: Call) -> Answer:
        """As above; the Terraform provider asks for it before it deletes a user by force."""
        raise part_not_found(self.find_user(call).name, "LoginProfile")

    @action("UnbindMFADevice", "UserName")
    def unbind_mfa_device(self, call: Call) -> Answer:
        """As above, for second factors."""
        raise part_not_found(self.find_user(call).name, "MFADevice")

    def find_user(self, call: Call) -> User:
        """The user that the call names, or else the caller when it is a user."""
        name = call.parameters.text("UserName")
        if not name and call.principal is not None:
            name = call.principal.user_name or ""
        if not name:
            raise missing_parameter("UserName")
        user = self.identities.user(name)
        if user is None:
            raise user_not_found(name)
        return user

    def describe_user(self, user: User) -> dict[str, Any]:
        """A user as the service describes it."""
        return {
            "UserId": user.identifier,
            "UserName": user.name,
            "DisplayName": user.display_name,
            "MobilePhone": user.mobile_phone,
            "Email": user.email,
            "Comments": user.comments,
            "CreateDate": iso(user.created),
            "UpdateDate": iso(user.updated),
        }


def checked_name(name: str, parameter: str) -> str:
    """A name that a user can have."""
    if len(name) > LONGEST_USER_NAME:
        raise CloudError(
            f"InvalidParameter.{parameter}.Length",
            f"The {parameter} has {len(name)} characters, of at most {LONGEST_USER_NAME}.",
        )
    if USER_NAME.fullmatch(name) is None:
        raise CloudError(
            f"InvalidParameter.{parameter}.InvalidChars",
            f"The {parameter} {name!r} may have only letters, digits, dots, hyphens and underscores.",
        )
    return name


def checked_text(parameters: Parameters, name: str) -> str:
    """A text of bounded length."""
    text = parameters.text(name)
    if len(text) > LONGEST_TEXT:
        raise CloudError(
            f"InvalidParameter.{name}.Length", f"The {name} has {len(text)} characters, of at most {LONGEST_TEXT}."
        )
    return text


def checked_phone(parameters: Parameters, name: str) -> str:
    """A telephone number, or nothing."""
    text = parameters.text(name)
    if text and MOBILE_PHONE.fullmatch(text) is None:
        raise CloudError(
            f"InvalidParameter.{name}.Format", f"The {name} {text!r} must look like 86-18600008888 (country-number)."
        )
    return text


def checked_email(parameters: Parameters, name: str) -> str:
    """A mail address, or nothing."""
    text = checked_text(parameters, name)
    if text and EMAIL.fullmatch(text) is None:
        raise CloudError(f"InvalidParameter.{name}.Format", f"The {name} {text!r} must look like name@example.com.")
    return text
