"""What the regions of a business agree by which of them trains: access to one lease, in one region's bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from infra.bucket_rules import READ, WRITE, access_policy
from infra.components import TYPE_PREFIX
from infra.components.identity import Identity
from infra.naming import TRAINING, BusinessNames
from infra.network_policies import outside
from infra.settings.platform import Network
from infra.tags import labels
from infra.workload import selector
from trainer.config import LeaseSettings

LEASES = "leases/"
PORT = 443


@dataclass(frozen=True)
class TrainingLeaseArgs:
    """What it is made from. The bucket is another region's, or this one's."""

    names: BusinessNames
    lease: LeaseSettings
    namespace: pulumi.Input[str]
    identity: Identity
    network: Network


class TrainingLease(pulumi.ComponentResource):
    """Lets the launcher and the job's master reach the lease: by role, and over the bucket's public endpoint, as the
    internal one answers in its own region only."""

    def __init__(self, name: str, args: TrainingLeaseArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:TrainingLease", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        policy = alicloud.ram.Policy(
            f"{name}-training-lease",
            policy_name=args.names.policy(TRAINING, "lease"),
            description=f"Agree with the other regions in {args.lease.bucket} which of them trains",
            policy_document=json.dumps(access_policy(args.lease.bucket, (*READ, *WRITE), LEASES)),
            tags=dict(args.identity.args.tags),
            opts=child,
        )
        self.access = alicloud.ram.RolePolicyAttachment(
            f"{name}-training-lease",
            role_name=args.identity.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=child,
        )
        common = labels(args.names.business, TRAINING)
        for part, pods in (("launcher", selector(common)), ("master", {"elasticdl-replica-type": "master"})):
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-training-lease-of-{part}",
                metadata={"name": f"allow-lease-of-{part}", "namespace": args.namespace, "labels": common},
                spec=outside(args.network, pods, (PORT,)),
                opts=child,
            )
        self.register_outputs({})
