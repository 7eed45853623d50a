"""The key that a region's cluster encrypts its Secrets with before they reach its disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import PlatformNames

ROTATION = "31536000s"  # a year: new material encrypts, the old goes on to decrypt
RECOVERY_DAYS = 30


@dataclass(frozen=True)
class SecretsKeyArgs:
    """What a key is made from."""

    names: PlatformNames
    protect: bool
    tags: Mapping[str, str]


class SecretsKey(pulumi.ComponentResource):
    """A key of KMS. Deleting it takes a month, in which it can be brought back."""

    key_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecretsKeyArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:SecretsKey", name, None, opts)
        key = alicloud.kms.Key(
            f"{name}-key",
            description=f"Secrets of the cluster {args.names.cluster}",
            key_spec="Aliyun_AES_256",
            key_usage="ENCRYPT/DECRYPT",
            origin="Aliyun_KMS",
            protection_level="SOFTWARE",
            automatic_rotation="Enabled",
            rotation_interval=ROTATION,
            pending_window_in_days=RECOVERY_DAYS,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.key_id = key.id
        self.register_outputs({"key_id": self.key_id})
