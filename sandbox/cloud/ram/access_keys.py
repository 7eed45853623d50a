"""Actions on long-lived access keys. A key's secret is in the answer of its creation, and in no other."""

from __future__ import annotations

from typing import Any

from sandbox.cloud.core.accounts import AccessKey
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, missing_parameter
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.ram.errors import key_not_found, user_not_found
from sandbox.cloud.ram.model import Identities

MAXIMUM_USER_KEYS = 2
MAXIMUM_ACCOUNT_KEYS = 4
"""The account may have five; one is the root key, which the sandbox itself uses and which these actions leave alone."""


class AccessKeyActions:
    """The keys of users, and those of the account when a call with one of its keys names no user."""

    context: Context
    identities: Identities

    @action("CreateAccessKey", "UserName")
    def create_access_key(self, call: Call) -> Answer:
        """Make a key; the only answer that holds its secret."""
        accounts = self.context.accounts
        with self.context.store.transaction():
            owner = self.owner(call)
            maximum = MAXIMUM_USER_KEYS if owner else MAXIMUM_ACCOUNT_KEYS
            found = len(accounts.keys_of(owner))
            if found >= maximum:
                raise CloudError(
                    "LimitExceeded.User.AccessKey",
                    f"{owner or 'The account'} has {found} access keys of at most {maximum}; delete one.",
                    409,
                )
            key = accounts.create_key(owner)
        return {"AccessKey": describe_key(key) | {"AccessKeySecret": key.access_key_secret}}

    @action("ListAccessKeys", "UserName")
    def list_access_keys(self, call: Call) -> Answer:
        """The keys, without their secrets."""
        keys = self.context.accounts.keys_of(self.owner(call))
        return {"AccessKeys": {"AccessKey": [describe_key(key) for key in keys]}}

    @action("UpdateAccessKey", "UserName UserAccessKeyId Status")
    def update_access_key(self, call: Call) -> Answer:
        """Make a key usable or not."""
        call.parameters.required("Status")
        active = call.parameters.choice("Status", "", ("Active", "Inactive")) == "Active"
        with self.context.store.transaction():
            key = self.find_key(call)
            self.context.accounts.replace_key(key.model_copy(update={"active": active}))
        return {}

    @action("DeleteAccessKey", "UserName UserAccessKeyId")
    def delete_access_key(self, call: Call) -> Answer:
        """Delete a key for good."""
        self.context.accounts.delete_key(self.find_key(call).access_key_id)
        return {}

    def owner(self, call: Call) -> str:
        """The user whose keys the call is about; empty for the account's own."""
        name, principal = call.parameters.text("UserName"), call.principal
        if not name and principal is not None:
            if principal.kind == "root":
                return ""
            name = principal.user_name or ""
        if not name:
            raise missing_parameter("UserName")
        user = self.identities.user(name)
        if user is None:
            raise user_not_found(name)
        return user.name

    def find_key(self, call: Call) -> AccessKey:
        """The key that the call names, which must be of the user that it is about."""
        owner, identifier = self.owner(call), call.parameters.required("UserAccessKeyId")
        for key in self.context.accounts.keys_of(owner):
            if key.access_key_id == identifier:
                return key
        raise key_not_found(owner, identifier)


def describe_key(key: AccessKey) -> dict[str, Any]:
    """A key as the service describes it."""
    return {
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": iso(key.created),
    }
