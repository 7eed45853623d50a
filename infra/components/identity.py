"""A workload identity: a service account whose pods become a RAM role (RRSA), with no key anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from infra.components import TYPE_PREFIX
from infra.naming import BusinessNames
from infra.tags import labels

ROLE_ANNOTATION = "pod-identity.alibabacloud.com/role-name"
AUDIENCE = "sts.aliyuncs.com"


@dataclass(frozen=True)
class IdentityArgs:
    """What an identity is made from; provider and issuer are the cluster's."""

    names: BusinessNames
    service_account: str
    namespace: pulumi.Input[str]
    identity_provider: pulumi.Input[str]
    identity_issuer: pulumi.Input[str]
    tags: Mapping[str, str]
    uses_api: bool = False
    """Whether its pods talk to the API server; without, they get no token for it."""


@dataclass(frozen=True)
class Rule:
    """What a service account may do with a kind of object in its own namespace."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ("",)
    names: tuple[str, ...] = ()
    """The objects, where they are known beforehand; none: all of that kind."""

    def as_object(self) -> dict[str, Any]:
        """As Kubernetes writes it."""
        named = {"resourceNames": list(self.names)} if self.names else {}
        return {
            "apiGroups": list(self.api_groups),
            "resources": list(self.resources),
            "verbs": list(self.verbs),
            **named,
        }


class Identity(pulumi.ComponentResource):
    """A service account and its RAM role. It may do nothing until something is granted."""

    role_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Identity", name, None, opts)
        self.name = name
        self.args = args
        self.labels = labels(args.names.business, args.service_account)
        role_name = args.names.role(args.service_account)
        role = alicloud.ram.Role(
            f"{name}-role",
            role_name=role_name,
            description=f"{args.service_account} pods of {args.names.business} in {args.names.region}",
            assume_role_policy_document=pulumi.Output.json_dumps(
                trust_policy(args.identity_provider, args.identity_issuer, args.names.namespace, args.service_account)
            ),
            max_session_duration=3600,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={**self._metadata(args.service_account), "annotations": {ROLE_ANNOTATION: role_name}},
            automount_service_account_token=args.uses_api,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.role_name = role.role_name
        self.role_arn = role.arn
        self.service_account = account.metadata.apply(lambda metadata: metadata.name or "")
        self.register_outputs({"role_arn": self.role_arn})

    def allow(self, rules: Sequence[Rule]) -> kubernetes.rbac.v1.RoleBinding:
        """Let the service account act on objects of its own namespace, and of no other."""
        child = pulumi.ResourceOptions(parent=self)
        account = self.args.service_account
        role = kubernetes.rbac.v1.Role(
            f"{self.name}-access",
            metadata=self._metadata(account),
            rules=[rule.as_object() for rule in rules],
            opts=child,
        )
        return kubernetes.rbac.v1.RoleBinding(
            f"{self.name}-access",
            metadata=self._metadata(account),
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata.name},
            subjects=[{"kind": "ServiceAccount", "name": self.service_account, "namespace": self.args.namespace}],
            opts=child,
        )

    def _metadata(self, name: str) -> dict[str, Any]:
        return {"name": name, "namespace": self.args.namespace, "labels": self.labels}


def trust_policy(
    provider: pulumi.Input[str], issuer: pulumi.Input[str], namespace: str, service_account: str
) -> dict[str, Any]:
    """Who may become the role: tokens of this cluster, for this audience, of this one service account."""
    condition = {
        "oidc:iss": [issuer],
        "oidc:aud": [AUDIENCE],
        "oidc:sub": [f"system:serviceaccount:{namespace}:{service_account}"],
    }
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Federated": [provider]},
        "Condition": {"StringEquals": condition},
    }
    return {"Version": "1", "Statement": [statement]}
