"""What a preview says: read from the engine's own events (JSON, one a line). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CREATE, CHANGE, REPLACE, DELETE, KEEP = "create", "change", "replace", "delete", "keep"
KINDS = {
    "create": CREATE, "import": CREATE, "update": CHANGE, "refresh": CHANGE, "replace": REPLACE, "delete": DELETE,
    "import-replacement": REPLACE, "discard": DELETE, "same": KEEP, "read": KEEP,
}  # fmt: skip
"""The engine's operations as a reviewer tells them apart; the steps inside a replacement are left out."""
LOST_WITH = {
    "alicloud:oss/bucket:Bucket": "every object, version and model in it",
    "alicloud:cs/managedKubernetes:ManagedKubernetes": "every object of every business in the cluster",
    "alicloud:kms/key:Key": "whatever it encrypted",
    "alicloud:dns/alidnsDomain:AlidnsDomain": "every record, and the names of all businesses",
    "alicloud:log/project:Project": "every log in it",
    "alicloud:log/store:Store": "every log in it",
    "alicloud:rds/instance:Instance": "the database and its backups",
    "alicloud:nas/fileSystem:FileSystem": "every file on it",
    "kubernetes:core/v1:Namespace": "every object in it, those that Pulumi does not know too",
    "kubernetes:core/v1:PersistentVolumeClaim": "the volume's content",
    "kubernetes:core/v1:PersistentVolume": "the volume's content",
}
"""Types that hold data, and what goes when one is deleted or made anew."""


@dataclass(frozen=True)
class Step:
    """What happens to one resource. `old` and `new` are its inputs; `changed` the paths that differ."""

    kind: str
    type: str
    name: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    changed: tuple[str, ...]
    region: str
    protected: bool

    @property
    def loses(self) -> str:
        """What is lost when it happens; empty when nothing is."""
        return LOST_WITH.get(self.type, "") if self.kind in (REPLACE, DELETE) else ""


@dataclass(frozen=True)
class PolicyResult:
    """A violation of a rule of the policy pack."""

    policy: str
    mandatory: bool
    resource: str
    message: str


@dataclass(frozen=True)
class Preview:
    """A stack's preview. `errors` are why it failed, empty when it did not."""

    stack: str
    steps: tuple[Step, ...] = ()
    policies: tuple[PolicyResult, ...] = ()
    errors: tuple[str, ...] = ()
    is_new: bool = False

    def of(self, kind: str) -> list[Step]:
        """The steps of a kind, those that hold data first."""
        return sorted(
            (step for step in self.steps if step.kind == kind), key=lambda step: (not step.loses, step.type, step.name)
        )


def preview_of(stack: str, lines: Iterable[str], *, is_new: bool = False) -> Preview:
    """Read the events of `pulumi preview --json` with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true."""
    steps: dict[str, Step] = {}
    policies: dict[PolicyResult, None] = {}
    errors: dict[str, None] = {}
    for event in _events(lines):
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            step = _step(metadata)
            if step is not None:
                steps[metadata["urn"]] = step
        elif "policyEvent" in event:
            policies[_policy(event["policyEvent"])] = None
        elif "diagnosticEvent" in event and event["diagnosticEvent"].get("severity") == "error":
            errors[_error(event["diagnosticEvent"])] = None
    found = [message for message in errors if message not in ("", "preview failed", "update failed")]
    if errors and not found and not any(result.mandatory for result in policies):
        found = ["the engine gave no reason; run `pulumi preview` by hand"]
    return Preview(stack, tuple(steps.values()), tuple(policies), tuple(found), is_new)


def _events(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue  # a program's own print


def _step(metadata: Mapping[str, Any]) -> Step | None:
    kind = KINDS.get(metadata["op"])
    old, new = metadata.get("old") or {}, metadata.get("new") or {}
    custom = (new or old).get("custom", False)
    if kind is None or not custom:
        return None
    details = metadata.get("detailedDiff") or {}
    changed = sorted(details) or sorted(metadata.get("diffs") or ())
    return Step(
        kind=kind,
        type=metadata["type"],
        name=metadata["urn"].rsplit("::", 1)[-1],
        old=old.get("inputs") if old else None,
        new=new.get("inputs") if new else None,
        changed=tuple(changed),
        region=_region(metadata.get("provider") or ""),
        protected=bool(old.get("protect")),
    )


def _region(provider: str) -> str:
    """The region that a provider's name says (infra/providers.py): `...::alicloud-cn-hangzhou::id`."""
    parts = provider.split("::")
    return parts[-2].partition("-")[2] if len(parts) > 2 else ""


def _policy(event: Mapping[str, Any]) -> PolicyResult:
    lines = str(event.get("message", "")).strip().splitlines()
    return PolicyResult(
        policy=str(event.get("policyName", "")),
        mandatory=event.get("enforcementLevel") == "mandatory",
        resource=str(event.get("resourceUrn", "")).rsplit("::", 1)[-1],
        message=" ".join(lines[1:] or lines),
    )


def _error(event: Mapping[str, Any]) -> str:
    message = str(event.get("message", "")).strip().removeprefix("error: ")
    urn = str(event.get("urn", ""))
    name = urn.rsplit("::", 1)[-1] if urn and "pulumi:pulumi:Stack" not in urn else ""
    return f"{name}: {message}" if name else message
