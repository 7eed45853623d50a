"""Engine events as `pulumi preview --json` streams them, made by hand where a recording would say too much."""

from __future__ import annotations

import json
from typing import Any

PREFIX = "urn:pulumi:qa::language-model-clusters::"
STACK_OF_TYPE = "language-model-clusters:infra:Region$"
BUCKET, POOL = "alicloud:oss/bucket:Bucket", "alicloud:cs/nodePool:NodePool"
QUOTA = "kubernetes:core/v1:ResourceQuota"


def step(
    op: str,
    type_token: str,
    name: str,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    changed: tuple[str, ...] = (),
    *,
    protect: bool = False,
) -> str:
    """What the engine says before a step."""
    provider = type_token.split(":", maxsplit=1)[0]
    metadata = {
        "op": op,
        "urn": f"{PREFIX}{STACK_OF_TYPE}{type_token}::{name}",
        "type": type_token,
        "old": None if old is None else {"custom": True, "inputs": old, "protect": protect},
        "new": None if new is None else {"custom": True, "inputs": new},
        "detailedDiff": {path: {"diffKind": "update", "inputDiff": True} for path in changed} or None,
        "provider": f"{PREFIX}pulumi:providers:{provider}::{provider}-cn-hangzhou::0123",
    }
    return json.dumps({"resourcePreEvent": {"metadata": metadata, "planning": True}})


def policy(name: str, level: str, resource: str, message: str) -> str:
    """A violation, as the engine reports it: the rule's description on the first line."""
    event = {
        "policyName": name,
        "enforcementLevel": level,
        "resourceUrn": f"{PREFIX}{BUCKET}::{resource}",
        "message": f"A rule.\n{message}\n",
    }
    return json.dumps({"policyEvent": event})


def error(message: str, resource: str = "") -> str:
    """An error of the program or of a resource."""
    event = {
        "severity": "error",
        "message": f"error: {message}\n",
        "urn": f"{PREFIX}x:y:Z::{resource}" if resource else "",
    }
    return json.dumps({"diagnosticEvent": event})


def pool(size: str, kind: str = "ecs.gn6i-c4g1.xlarge") -> dict[str, Any]:
    """Inputs of a node pool."""
    return {"instanceTypes": [kind], "desiredSize": size}


def quota(**hard: str) -> dict[str, Any]:
    """Inputs of a ResourceQuota."""
    return {"metadata": {"namespace": "qa"}, "spec": {"hard": hard}}
