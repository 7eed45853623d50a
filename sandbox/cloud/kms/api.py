"""The KMS service, API version 2016-01-20: keys, aliases and encryption."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import check_region, new_identifier
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.kms.encryption import EncryptionActions
from sandbox.cloud.kms.errors import key_not_found, key_protected, key_state
from sandbox.cloud.kms.model import Key, Keys


@dataclass
class KmsService(EncryptionActions, Service):
    """Keys, their aliases, and what is encrypted with them."""

    name: ClassVar[str] = "Kms"
    version: ClassVar[str] = "2016-01-20"
    hosts: ClassVar[tuple[str, ...]] = ("kms",)

    context: Context
    keys: Keys

    @action(
        "CreateKey",
        "Description KeyUsage KeySpec Origin ProtectionLevel EnableAutomaticRotation RotationInterval Policy Tags",
    )
    def create_key(self, call: Call) -> Answer:
        """Make a key."""
        parameters, region = call.parameters, check_region(call.region)
        key = Key(
            identifier=new_identifier("key", region),
            region=region,
            version=str(uuid.uuid4()),
            created=self.context.clock.now(),
            description=parameters.text("Description"),
            usage=parameters.text("KeyUsage", "ENCRYPT/DECRYPT"),
            specification=parameters.text("KeySpec", "Aliyun_AES_256"),
            origin=parameters.text("Origin", "Aliyun_KMS"),
            protection_level=parameters.text("ProtectionLevel", "SOFTWARE"),
            rotation=parameters.boolean("EnableAutomaticRotation"),
            rotation_interval=parameters.text("RotationInterval"),
            policy=parameters.text("Policy", self.default_policy()),
        )
        self.put(key)
        self.keys.tags.add("key", key.identifier, parameters.tags("Tags"))
        return {"KeyMetadata": self.describe(key)}

    @action("DescribeKey", "KeyId")
    def describe_key(self, call: Call) -> Answer:
        """One key."""
        return {"KeyMetadata": self.describe(self.find_key(call))}

    @action("ListKeys", PAGING)
    def list_keys(self, call: Call) -> Answer:
        """The keys of a region."""
        chosen, paging = page(self.keys.keys.list(call.region), call.parameters)
        listed = [{"KeyId": key.identifier, "KeyArn": self.arn(key)} for key in chosen]
        return {"Keys": {"Key": listed}, **paging}

    @action("EnableKey", "KeyId")
    def enable_key(self, call: Call) -> Answer:
        """Let a key be used."""
        return self.set_state(call, "Enabled")

    @action("DisableKey", "KeyId")
    def disable_key(self, call: Call) -> Answer:
        """Let a key not be used."""
        return self.set_state(call, "Disabled")

    @action("UpdateKeyDescription", "KeyId Description")
    def update_key_description(self, call: Call) -> Answer:
        """Change what is said of a key."""
        self.put(self.find_key(call).model_copy(update={"description": call.parameters.text("Description")}))
        return {}

    @action("UpdateRotationPolicy", "KeyId EnableAutomaticRotation RotationInterval")
    def update_rotation_policy(self, call: Call) -> Answer:
        """Change when a key is renewed."""
        changes = {
            "rotation": call.parameters.boolean("EnableAutomaticRotation"),
            "rotation_interval": call.parameters.text("RotationInterval"),
        }
        self.put(self.find_key(call).model_copy(update=changes))
        return {}

    @action(
        "SetDeletionProtection", "KeyId ProtectedResourceArn EnableDeletionProtection DeletionProtectionDescription"
    )
    def set_deletion_protection(self, call: Call) -> Answer:
        """Turn deletion protection on or off; the key is named by identifier or by its global name."""
        arn = call.parameters.text("ProtectedResourceArn")
        identifier = call.parameters.text("KeyId") or arn.rsplit("/", 1)[-1]
        key = self.keys.keys.get(identifier)
        if key is None:
            raise key_not_found(identifier)
        changes = {
            "deletion_protection": call.parameters.boolean("EnableDeletionProtection"),
            "deletion_protection_description": call.parameters.text("DeletionProtectionDescription"),
        }
        self.put(key.model_copy(update=changes))
        return {}

    @action("GetKeyPolicy", "KeyId PolicyName")
    def get_key_policy(self, call: Call) -> Answer:
        """Who may use a key."""
        return {"Policy": self.find_key(call).policy}

    @action("SetKeyPolicy", "KeyId Policy PolicyName")
    def set_key_policy(self, call: Call) -> Answer:
        """Change who may use a key."""
        self.put(self.find_key(call).model_copy(update={"policy": call.parameters.required("Policy")}))
        return {}

    @action("ScheduleKeyDeletion", "KeyId PendingWindowInDays")
    def schedule_key_deletion(self, call: Call) -> Answer:
        """Let a key go after a waiting time."""
        key = self.find_key(call)
        if key.deletion_protection:
            raise key_protected(key.identifier)
        days = call.parameters.integer("PendingWindowInDays", 30, 7, 366)
        date = self.context.clock.now() + datetime.timedelta(days=days)
        self.put(key.model_copy(update={"state": "PendingDeletion", "delete_date": date}))
        return {}

    @action("CancelKeyDeletion", "KeyId")
    def cancel_key_deletion(self, call: Call) -> Answer:
        """Keep a key after all."""
        self.put(self.find_key(call).model_copy(update={"state": "Enabled", "delete_date": None}))
        return {}

    @action("TagResources", "ResourceType ResourceId Tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags to keys."""
        for identifier in call.parameters.texts("ResourceId"):
            self.keys.tags.add("key", identifier, call.parameters.tags())
        return {}

    @action("UntagResources", "ResourceType ResourceId TagKey All")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags of keys."""
        for identifier in call.parameters.texts("ResourceId"):
            every = call.parameters.boolean("All")
            self.keys.tags.remove("key", identifier, call.parameters.texts("TagKey"), every=every)
        return {}

    @action("ListTagResources", "ResourceType ResourceId NextToken")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of keys."""
        records = self.keys.tags.records("key", call.parameters.texts("ResourceId"))
        return {"TagResources": {"TagResource": records}}

    def set_state(self, call: Call, state: str) -> Answer:
        """Change between use and disuse; not while a key waits for its deletion."""
        key = self.find_key(call)
        if key.state == "PendingDeletion":
            raise key_state(key.identifier, key.state)
        self.put(key.model_copy(update={"state": state}))
        return {}

    def put(self, key: Key) -> None:
        """Keep a key."""
        self.keys.keys.put(key.identifier, key, key.region)

    def arn(self, key: Key) -> str:
        """A key's global name."""
        return f"acs:kms:{key.region}:{self.context.accounts.account_id}:key/{key.identifier}"

    def default_policy(self) -> str:
        """The account may do everything with its key."""
        account = f"acs:ram::{self.context.accounts.account_id}:*"
        statement = {"Effect": "Allow", "Principal": {"RAM": [account]}, "Action": ["kms:*"], "Resource": ["*"]}
        return json.dumps({"Version": "1", "Statement": [statement]})

    def describe(self, key: Key) -> dict[str, Any]:
        """A key as the service describes it."""
        return {
            "KeyId": key.identifier,
            "Arn": self.arn(key),
            "Description": key.description,
            "KeyState": key.state,
            "KeyUsage": key.usage,
            "KeySpec": key.specification,
            "Origin": key.origin,
            "ProtectionLevel": key.protection_level,
            "PrimaryKeyVersion": key.version,
            "CreationDate": iso(key.created),
            "LastRotationDate": iso(key.created),
            "NextRotationDate": "",
            "DeleteDate": iso(key.delete_date) if key.delete_date is not None else "",
            "MaterialExpireTime": "",
            "Creator": self.context.accounts.account_id,
            "AutomaticRotation": "Enabled" if key.rotation else "Disabled",
            "RotationInterval": key.rotation_interval,
            "DeletionProtection": "Enabled" if key.deletion_protection else "Disabled",
            "DeletionProtectionDescription": key.deletion_protection_description,
            "DKMSInstanceId": "",
        }
