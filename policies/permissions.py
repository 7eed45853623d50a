"""`python -m policies.permissions`: the page of what deployers must be allowed, made from the stacks' own plans.

The calls are those that the Terraform provider can make for each resource type that a plan holds: they were read from
the provider's source once and are kept beside the emulator that answers them (docs/coverage.md). Actions are written as
RAM spells them. What that does not show, such as a role that is handed to a service, stands here with its reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra.command_line import end
from infra.pages import add_output, write_page
from infra.settings import SettingsError, load_stack
from policies.dry_run import plan_of
from policies.owner import STACKS

ROOT = STACKS.parent
PAGE = Path("docs/permissions.md")
CALLS = ROOT / "sandbox" / "cloud" / "coverage" / "provider_calls.json"
TOKENS = ROOT / "sandbox" / "toolchain" / "modules" / "alicloud" / "tokens.json"
DOCUMENT_LIMIT = 6144
"""Characters that RAM takes in a custom policy (Alibaba Cloud, "Limits" of RAM)."""
PREFIXES = {
    **{name: name for name in ("alidns", "cr", "cs", "ecs", "kms", "oss", "ram", "slb", "vpc")},
    "cr_ee": "cr",
    "sls": "log",
}
"""The RAM code of each product, by the provider's name of it in lower case."""
SPELT = {
    "oss:DeleteMultipleObjects": "oss:DeleteObject",
    "oss:HeadObject": "oss:GetObject",
    "oss:GetObjectMeta": "oss:GetObject",
    "oss:PutBucketRtc": "oss:PutBucketRTC",
    **{f"oss:{verb}BucketCORS": f"oss:{verb}BucketCors" for verb in ("Get", "Put", "Delete")},
}
"""Calls whose action has another name than the call."""
ROUTES = {
    ("POST", "/clusters/{}/nodepools"): "CreateClusterNodePool",
    ("GET", "/clusters/{}/nodepools/{}"): "DescribeClusterNodePoolDetail",
    ("PUT", "/clusters/{}/nodepools/{}"): "ModifyClusterNodePool",
    ("DELETE", "/clusters/{}/nodepools/{}"): "DeleteClusterNodepool",
    ("POST", "/clusters/{}/nodepools/{}/upgrade"): "UpgradeClusterNodepool",
    ("PUT", "/clusters/{}/nodepools/{}/node_config"): "ModifyNodePoolNodeConfig",
    ("GET", "/tasks/{}"): "DescribeTaskInfo",
}
"""Actions of calls that the provider makes by their path."""
READING = ("Check", "Describe", "Get", "List", "Query")
LOOKED_UP = {"data.alicloud_account": ("sts:GetCallerIdentity",)}
"""What a plan looks up, beyond its resources: whose account this is. Every identity may ask that."""
CREDENTIAL = "data.alicloud_cs_cluster_credential"
BESIDES = {
    # Calls that the scan of the provider's source does not see, found by deploying with these policies in the sandbox.
    "alicloud:oss/bucket:Bucket": tuple(f"oss:{verb}BucketPolicy" for verb in ("Get", "Put", "Delete")),
    "alicloud:log/store:Store": ("log:ListShards",),
    "alicloud:log/storeIndex:StoreIndex": ("log:CreateIndex",),
    # A service asks for these itself: to take a role that is handed to it, to read what is copied.
    "alicloud:oss/bucketReplication:BucketReplication": ("oss:ReplicateGet", "ram:PassRole"),
    "alicloud:cs/managedKubernetes:ManagedKubernetes": ("cs:DescribeClusterResources", "ram:PassRole"),
}
"""Actions beyond the calls that were found."""
Policy = dict[str, Any]


class PermissionsError(Exception):
    """A resource type or a call for which no action is known."""


@dataclass(frozen=True)
class Deployer:
    """Who deploys, and what for."""

    name: str
    stacks: tuple[str, ...]
    buckets: str
    """The names of the buckets that it may touch, with a star."""


def actions_of(type_token: str) -> frozenset[str]:
    """The RAM actions that the provider may need for a resource type. Raises PermissionsError for an unknown type."""
    resource = _terraform_names().get(type_token)
    if resource is None:
        raise PermissionsError(f"{type_token}: {TOKENS.name} has no such resource; the provider is built without it")
    return _actions(f"resource.{resource}") | frozenset(BESIDES.get(type_token, ()))


def actions_for(stacks: Iterable[str]) -> frozenset[str]:
    """All that the deployer of these stacks needs, to make, change, read and remove them."""
    found = {action for actions in LOOKED_UP.values() for action in actions}
    for stack in stacks:
        types = {item.type for item in plan_of(stack).resources if item.type.startswith("alicloud:")}
        found.update(*(actions_of(type_token) for type_token in types))
        if any(type_token.endswith(":ManagedKubernetes") for type_token in types):
            found |= _actions(CREDENTIAL)
    return frozenset(found)


def policy(actions: Iterable[str], buckets: str = "*") -> Policy:
    """A RAM policy that allows the actions; those on buckets only where their names match, if their names are known."""
    allowed = set(actions)
    on_buckets = {action for action in allowed if action.startswith("oss:") and action != "oss:ListBuckets"}
    places = ["acs:oss:*:*:*"] if buckets == "*" else [f"acs:oss:*:*:{buckets}", f"acs:oss:*:*:{buckets}/*"]
    statements = [
        {"Effect": "Allow", "Action": sorted(allowed - on_buckets), "Resource": "*"},
        {"Effect": "Allow", "Action": sorted(on_buckets), "Resource": places},
    ]
    return {"Version": "1", "Statement": [statement for statement in statements if statement["Action"]]}


def deployers() -> tuple[Deployer, Deployer]:
    """Who deploys the platform, and who deploys businesses."""
    names = sorted(path.name.split(".")[1] for path in STACKS.glob("Pulumi.*.yaml"))
    kinds = {name: load_stack(STACKS, name) for name in names}
    platforms = tuple(name for name in names if kinds[name].business is None)
    businesses = tuple(name for name in names if kinds[name].business is not None)
    organization = kinds[platforms[0]].platform.organization
    return (
        Deployer("platform", platforms, f"{organization}-*"),
        Deployer("business", businesses, f"{organization}-*"),
    )


def policies() -> Mapping[str, Policy]:
    """The policies of the page: of each deployer, and of whoever only reviews."""
    made = {who.name: policy(actions_for(who.stacks), who.buckets) for who in deployers()}
    everything = actions_for(stack for who in deployers() for stack in who.stacks)
    made["reviewer"] = policy(action for action in everything if action.split(":")[1].startswith(READING))
    return made


@cache
def _terraform_names() -> Mapping[str, str]:
    """The Terraform name of each type: alicloud:vpc/network:Network is alicloud_vpc there."""
    found = {}
    for resource, place in json.loads(TOKENS.read_text(encoding="utf-8"))["resources"].items():
        module, name = place.split("/")
        found[f"alicloud:{module}/{name[0].lower()}{name[1:]}:{name}"] = resource
    return found


@cache
def _calls() -> Mapping[str, list[dict[str, Any]]]:
    calls: dict[str, list[dict[str, Any]]] = json.loads(CALLS.read_text(encoding="utf-8"))["resources"]
    return calls


@cache
def _actions(resource: str) -> frozenset[str]:
    return frozenset(_action(resource, call) for call in _calls()[resource])


def _action(resource: str, call: Mapping[str, Any]) -> str:
    prefix = PREFIXES.get(call["product"].lower())
    route = (call.get("method", ""), call.get("path", ""))
    name = call.get("action") or ROUTES.get(route)
    if prefix is None or name is None:
        raise PermissionsError(f"{resource}: no RAM action is known for {call}; add it to {Path(__file__).name}")
    return SPELT.get(f"{prefix}:{name}", f"{prefix}:{name}")


INTRODUCTION = f"""# What deployers must be allowed

Made by `python -m policies.permissions`; don't edit. Three RAM policies, from the calls that the Terraform provider can
make for each resource type of the committed stacks (to make, read, change and remove it), and nothing else:

| policy | who | actions |
|---|---|---|
{{rows}}

```
python -m policies.permissions --only business > business.json
aliyun ram CreatePolicy --PolicyName clusters-business --PolicyDocument "$(cat business.json)"
```

The calls were read from the provider's source; a few need settings that no stack uses. Buckets are scoped by name. The
rest is for all resources: most of it gets its identifier from the cloud when it is made. To narrow a policy further,
take an action's resource from the service's page "RAM authorization". An access denied that names an action not in here
is a fault of this page: the action belongs into `policies/permissions.py`.
`ram:PassRole` and `oss:ReplicateGet` are asked for by OSS and ACK themselves, when a role is handed to them.

Nobody needs these for what runs inside a cluster: pods have RAM roles of their own, which the stacks make, each for its
own buckets ([architecture.md](architecture.md)). RAM takes policies of up to {DOCUMENT_LIMIT:,} characters; a test
holds these to that.
"""


def page() -> str:
    """The whole page."""
    who = {
        "platform": "deploys the platform stack",
        "business": "deploys business stacks",
        "reviewer": "previews with `--refresh`, finds drift; may only read",
    }
    made = policies()
    rows = [
        f"| [{name}](#{name}) | {who[name]} | {sum(len(item['Action']) for item in document['Statement'])} |"
        for name, document in made.items()
    ]
    parts = [INTRODUCTION.format(rows="\n".join(rows))]
    parts += [
        f"\n## {name.capitalize()}\n```json\n{json.dumps(document, indent=1)}\n```\n" for name, document in made.items()
    ]
    return "".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or print one policy; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.permissions", description=__doc__)
    add_output(parser, PAGE)
    parser.add_argument(
        "--only", choices=("platform", "business", "reviewer"), help="print this policy as JSON instead"
    )
    options = parser.parse_args(arguments)
    if options.only is None:
        return write_page(options.output, page, (PermissionsError, SettingsError))
    try:
        print(json.dumps(policies()[options.only], separators=(",", ":")))
    except (PermissionsError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    end(main)
