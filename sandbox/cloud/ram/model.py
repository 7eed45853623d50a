"""Domain objects of the RAM service and where they are kept."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags


def _document(*actions: str, effect: str = "Allow") -> str:
    statement = {"Effect": effect, "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "1", "Statement": [statement]})


SYSTEM_POLICIES: dict[str, str] = {
    "AdministratorAccess": _document("*"),
    "ReadOnlyAccess": _document("*:Describe*", "*:List*", "*:Get*", "*:Query*"),
    "AliyunOSSFullAccess": _document("oss:*"),
    "AliyunOSSReadOnlyAccess": _document("oss:Get*", "oss:List*"),
    "AliyunVPCFullAccess": _document("vpc:*"),
    "AliyunVPCReadOnlyAccess": _document("vpc:Describe*", "vpc:List*"),
    "AliyunECSFullAccess": _document("ecs:*"),
    "AliyunECSReadOnlyAccess": _document("ecs:Describe*", "ecs:List*"),
    "AliyunCSFullAccess": _document("cs:*"),
    "AliyunCSReadOnlyAccess": _document("cs:Get*", "cs:Describe*", "cs:List*"),
    "AliyunDNSFullAccess": _document("alidns:*"),
    "AliyunDNSReadOnlyAccess": _document("alidns:Describe*", "alidns:List*"),
    "AliyunRAMFullAccess": _document("ram:*"),
    "AliyunSTSAssumeRoleAccess": _document("sts:AssumeRole"),
    "AliyunKMSFullAccess": _document("kms:*"),
    "AliyunLogFullAccess": _document("log:*"),
}
"""Policies that the cloud makes; those that the sandbox's services can mean something to."""

LARGEST_POLICY = 6144
MAXIMUM_VERSIONS = 5


class Role(BaseModel):
    """An identity that others take on for a while."""

    model_config = ConfigDict(frozen=True)

    name: str
    identifier: str
    description: str
    trust: str
    longest_session: int
    created: datetime.datetime
    updated: datetime.datetime


class User(BaseModel):
    """A person or program with keys of its own. What is empty was not given."""

    model_config = ConfigDict(frozen=True)

    name: str
    identifier: str
    display_name: str
    mobile_phone: str
    email: str
    comments: str
    created: datetime.datetime
    updated: datetime.datetime


class PolicyVersion(BaseModel):
    """One text of a policy."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    document: str
    created: datetime.datetime


class Policy(BaseModel):
    """A policy of the account's own, with its versions, oldest first."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    versions: list[PolicyVersion]
    default_version: str
    next_version: int
    created: datetime.datetime
    updated: datetime.datetime

    @property
    def document(self) -> str:
        """The text in force."""
        return next(version.document for version in self.versions if version.identifier == self.default_version)


class Attachment(BaseModel):
    """A policy attached to a role."""

    model_config = ConfigDict(frozen=True)

    role: str
    policy: str
    kind: str
    created: datetime.datetime

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.role}/{self.kind}/{self.policy}"


class UserAttachment(BaseModel):
    """A policy attached to a user."""

    model_config = ConfigDict(frozen=True)

    user: str
    policy: str
    kind: str
    created: datetime.datetime

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.user}/{self.kind}/{self.policy}".lower()


@dataclass
class Identities:
    """All that the RAM service keeps. Names are compared without regard to case, as on the cloud."""

    store: Store

    def __post_init__(self) -> None:
        self.roles = Repository(self.store, "ram-role", Role)
        self.users = Repository(self.store, "ram-user", User)
        self.policies = Repository(self.store, "ram-policy", Policy)
        self.attachments = Repository(self.store, "ram-attachment", Attachment)
        self.user_attachments = Repository(self.store, "ram-user-attachment", UserAttachment)
        self.tags = Tags(self.store, "ram")

    def role(self, name: str) -> Role | None:
        """The role of this name."""
        return self.roles.get(name.lower())

    def user(self, name: str) -> User | None:
        """The user of this name."""
        return self.users.get(name.lower())

    def policy(self, name: str) -> Policy | None:
        """The account's own policy of this name."""
        return self.policies.get(name.lower())

    def attachments_of_role(self, name: str) -> list[Attachment]:
        """What is attached to a role."""
        return [item for item in self.attachments.list() if item.role.lower() == name.lower()]

    def attachments_of_policy(self, name: str, kind: str) -> list[Attachment]:
        """To what a policy is attached."""
        return [item for item in self.attachments.list() if item.policy.lower() == name.lower() and item.kind == kind]

    def attachments_of_user(self, name: str) -> list[UserAttachment]:
        """What is attached to a user."""
        return [item for item in self.user_attachments.list() if item.user.lower() == name.lower()]

    def users_of_policy(self, name: str, kind: str) -> list[UserAttachment]:
        """To which users a policy is attached."""
        attached = self.user_attachments.list()
        return [item for item in attached if item.policy.lower() == name.lower() and item.kind == kind]

    def policies_of_role(self, name: str) -> Iterable[str]:
        """The texts in force of all policies of a role."""
        return self._documents(self.attachments_of_role(name))

    def policies_of_user(self, name: str) -> Iterable[str]:
        """The texts in force of all policies of a user."""
        return self._documents(self.attachments_of_user(name))

    def _documents(self, attachments: Iterable[Attachment | UserAttachment]) -> Iterable[str]:
        for attachment in attachments:
            if attachment.kind == "System":
                yield SYSTEM_POLICIES[attachment.policy]
                continue
            policy = self.policy(attachment.policy)
            if policy is not None:
                yield policy.document
