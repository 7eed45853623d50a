"""When an object of each kind is ready; a kind without a rule is ready as soon as it exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.pulumi.kubernetes.readiness import pods
from sandbox.pulumi.kubernetes.readiness.verdict import (
    READY,
    Object,
    Rule,
    Verdict,
    condition,
    failed,
    is_observed,
    selector,
    waiting,
)

LONG_SECONDS = 600.0
SHORT_SECONDS = 300.0
"""The official provider's defaults; `customTimeouts` and an annotation override them."""


def rule_for(api_version: str, kind: str) -> Rule | None:
    """The rule of a kind, if it has one."""
    group = api_version.partition("/")[0] if "/" in api_version else ""
    return RULES.get((group, kind))


def _deployment(live: Object, related: Sequence[Object]) -> Verdict:
    status, wanted = live.get("status", {}), _wanted(live)
    if live["spec"].get("paused"):
        return READY
    if not is_observed(live):
        return waiting("not seen by the deployment controller yet")
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    if updated >= wanted and available >= wanted and int(status.get("replicas") or 0) <= updated:
        return READY
    progressing, failure = condition(live, "Progressing"), condition(live, "ReplicaFailure")
    lines = [f"{min(updated, available)}/{wanted} available", *pods.reasons(related)]
    if failure.get("status") == "True":
        lines.append(f"{failure.get('reason')}: {failure.get('message')}")
    if progressing.get("status") == "False":
        return failed("; ".join([*lines, f"{progressing.get('reason')}: {progressing.get('message')}"]))
    return waiting("; ".join(lines))


def _replica_set(live: Object, related: Sequence[Object]) -> Verdict:
    wanted, available = _wanted(live), int(live.get("status", {}).get("availableReplicas") or 0)
    if is_observed(live) and available >= wanted:
        return READY
    return waiting("; ".join([f"{available}/{wanted} available", *pods.reasons(related)]))


def _stateful_set(live: Object, related: Sequence[Object]) -> Verdict:
    status, wanted = live.get("status", {}), _wanted(live)
    strategy = live["spec"].get("updateStrategy") or {}
    if not is_observed(live):
        return waiting("not seen by the stateful set controller yet")
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    to_update = 0 if strategy.get("type") == "OnDelete" else max(wanted - partition, 0)
    ready, updated = int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0)
    if ready >= wanted and updated >= to_update:
        return READY
    text = f"{ready}/{wanted} ready" + (f", {updated}/{to_update} updated" if updated < to_update else "")
    return waiting("; ".join([text, *pods.reasons(related)]))


def _daemon_set(live: Object, related: Sequence[Object]) -> Verdict:
    status = live.get("status", {})
    if not is_observed(live):
        return waiting("not seen by the daemon set controller yet")
    wanted = int(status.get("desiredNumberScheduled") or 0)
    strategy = (live["spec"].get("updateStrategy") or {}).get("type")
    updated = wanted if strategy == "OnDelete" else int(status.get("updatedNumberScheduled") or 0)
    available = int(status.get("numberAvailable") or 0)
    if updated >= wanted and available >= wanted:
        return READY
    return waiting("; ".join([f"{min(updated, available)}/{wanted} available", *pods.reasons(related)]))


def _job(live: Object, related: Sequence[Object]) -> Verdict:
    if condition(live, "Complete").get("status") == "True" or live["spec"].get("suspend"):
        return READY
    end = condition(live, "Failed")
    if end.get("status") == "True":
        return failed("; ".join([f"{end.get('reason')}: {end.get('message')}", *pods.reasons(related)]))
    wanted = int(live["spec"].get("completions") or 1)
    done = int(live.get("status", {}).get("succeeded") or 0)
    unfinished = [pod for pod in related if pod.get("status", {}).get("phase") != "Succeeded"]
    return waiting("; ".join([f"{done}/{wanted} completed", *pods.reasons(unfinished)]))


def _pod(live: Object, related: Sequence[Object]) -> Verdict:
    phase = live.get("status", {}).get("phase")
    if pods.is_ready(live) or phase == "Succeeded":
        return READY
    return failed(pods.why(live)) if phase == "Failed" else waiting(pods.why(live))


def _service(live: Object, related: Sequence[Object]) -> Verdict:
    spec = live.get("spec", {})
    if spec.get("type") == "ExternalName":
        return READY
    if spec.get("type") == "LoadBalancer" and not (live.get("status", {}).get("loadBalancer") or {}).get("ingress"):
        return waiting("the load balancer has no address yet")
    if not spec.get("selector") or spec.get("clusterIP") == "None":
        return READY
    endpoints = [row for part in related for row in part.get("endpoints") or []]
    if any((row.get("conditions") or {}).get("ready") is not False for row in endpoints):
        return READY
    labels = selector({"matchLabels": spec["selector"]})
    if endpoints:
        return waiting(f"{len(endpoints)} pods with {labels}, none of them ready")
    return waiting(f"no pod has the labels of its selector, {labels}")


def _claim(live: Object, related: Sequence[Object]) -> Verdict:
    phase = live.get("status", {}).get("phase")
    if phase == "Bound":
        return READY
    return failed("its volume is lost") if phase == "Lost" else waiting("not bound to a volume yet")


def _namespace(live: Object, related: Sequence[Object]) -> Verdict:
    phase = live.get("status", {}).get("phase")
    return READY if phase in (None, "Active") else waiting(f"it is {phase}")


def _definition(live: Object, related: Sequence[Object]) -> Verdict:
    if condition(live, "Established").get("status") == "True":
        return READY
    names = condition(live, "NamesAccepted")
    if names.get("status") == "False":
        return failed(f"its names are not accepted: {names.get('message')}")
    return waiting("not established yet")


def _wanted(live: Object) -> int:
    replicas = live["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _pods_of(live: Object) -> tuple[str, str] | None:
    found = selector(live.get("spec", {}).get("selector") or {})
    return ("pods", found) if found else None


def _slices_of(live: Object) -> tuple[str, str] | None:
    return "endpointslices", f"kubernetes.io/service-name={live['metadata']['name']}"


RULES: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): Rule(_deployment, LONG_SECONDS, _pods_of),
    ("apps", "ReplicaSet"): Rule(_replica_set, LONG_SECONDS, _pods_of),
    ("apps", "StatefulSet"): Rule(_stateful_set, LONG_SECONDS, _pods_of),
    ("apps", "DaemonSet"): Rule(_daemon_set, LONG_SECONDS, _pods_of),
    ("batch", "Job"): Rule(_job, LONG_SECONDS, _pods_of),
    ("", "Pod"): Rule(_pod, SHORT_SECONDS),
    ("", "Service"): Rule(_service, LONG_SECONDS, _slices_of),
    ("", "PersistentVolumeClaim"): Rule(_claim, SHORT_SECONDS),
    ("", "Namespace"): Rule(_namespace, SHORT_SECONDS),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Rule(_definition, SHORT_SECONDS),
}
