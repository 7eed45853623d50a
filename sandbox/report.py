"""What `deploy` says at its end: where the model, the DNS name and the logs are, and how good the model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.settings import SandboxSettings


def render(result: dict[str, Any], settings: SandboxSettings, business: str) -> str:
    """The closing report as text."""
    lines = ["", f"The business {business!r} has its cluster: {result['outputs']['dns_name']}"]
    for region, places in result["outputs"]["regions"].items():
        model = result["models"][region]
        held_out = ", ".join(f"{name} {value:,.1f}" for name, value in model["perplexity"].items())
        folder = f"{places['models']}{model['version']}/"
        lines += [
            f"in {region}",
            f"  model        {folder}",
            f"  evaluation   {folder}evaluation.md",
            f"  perplexity   {held_out} (held-out words, lower is better)",
            f"  DNS name     {places['dns_name']} -> {places['entry_address']}"
            f"   (dig @{settings.addresses.cloud} {places['dns_name']})",
            f"  training     namespace {places['namespace']}; python -m sandbox logs {business}",
        ]
    lines += [
        f"cloud          https://{settings.addresses.cloud}/_sandbox/status, or python -m sandbox status",
        f'next           eval "$(python -m sandbox env)" && pulumi preview --stack {business}',
    ]
    return "\n".join(lines)


def render_status(status: dict[str, Any]) -> str:
    """What the cloud says of itself, as a person reads it: clusters, nodes, resources, names, errors."""
    services = status.get("services", {})
    container_service = services.get("CS", {})
    lines = [
        f"cluster: {cluster['name']} in {cluster['region']}: {cluster['state']} {cluster.get('reason', '')}".rstrip()
        for cluster in container_service.get("clusters", [])
    ]
    lines += [f"node: {name}: {state}" for name, state in sorted(container_service.get("nodes", {}).items())]
    resources = ", ".join(f"{kind} {count}" for kind, count in sorted(status.get("resources", {}).items()))
    lines.append(f"resources: {resources or 'none'}")
    zones = services.get("Alidns", {}).get("zones", {})
    lines += [f"zone: {name}: {count} records" for name, count in sorted(zones.items())]
    lines += [f"fault: {render_fault(fault)}" for fault in status.get("faults", [])]
    lines += [f"unknown action: {name}: {count} calls" for name, count in _counted(status, "unknown_actions")]
    lines += [f"ignored parameter: {name}: {count} calls" for name, count in _counted(status, "ignored_parameters")]
    for call in status.get("last_errors", []):
        lines.append(f"error: {call['time']} {call['service']}.{call['action']}: {call['code']}: {call['message']}")
    return "\n".join(lines)


def _counted(status: Mapping[str, Any], what: str) -> list[tuple[str, int]]:
    """A counter of the status, most frequent first."""
    return sorted(status.get(what, {}).items(), key=lambda item: (-item[1], item[0]))


def render_clock(found: Mapping[str, Any]) -> str:
    """The cloud's time beside the machine's, and what runs next."""
    lines = [f"cloud: {found['now']}   machine: {found['machine']}"]
    if found["runs"]:
        lines.append(f"scheduled work ran {found['runs']} times")
    lines += [f"next: {moment}  {name}" for name, moment in sorted(found["next_runs"].items())]
    return "\n".join(lines)


def render_fault(fault: Mapping[str, Any]) -> str:
    """A fault rule in one line: what it strikes, how, and how often it did."""
    effects = [f"error {fault['error']['code']}"] if "error" in fault else []
    effects += [f"latency {fault['latency_milliseconds']} ms"] if fault["latency_milliseconds"] else []
    effects += ["connection reset"] if fault["reset"] else []
    limits = [f"probability {fault['probability']:g} (seed {fault['seed']})"] if fault["probability"] < 1 else []
    limits += [f"at most {fault['count']} times"] if "count" in fault else []
    spent = ", spent" if fault["spent"] else ""
    return (
        f"{fault['name']}: {fault['service']}.{fault['action']} in {fault['region']}: {', '.join(effects + limits)}; "
        f"struck {fault['struck']} of {fault['matched']}{spent}"
    )


def render_snapshot(snapshot: Mapping[str, Any]) -> str:
    """A snapshot in one line."""
    resources = sum(snapshot["resources"].values())
    return (
        f"{snapshot['name']}: saved {snapshot['saved']}, cloud time {snapshot['cloud_time']}, {resources} documents, "
        f"{snapshot['objects']} object files of {snapshot['object_bytes']:,} bytes"
    )


def render_call(call: Mapping[str, Any]) -> str:
    """A call in one line."""
    words = [call["time"], call["region"], f"{call['service']}.{call['action']}", f"{call['status'] or 'cut'}"]
    words.append(f"{call['milliseconds']:g} ms")
    words += [f"{call['code']}: {call['message']}".removesuffix(": ")] if call["code"] else []
    words += [f"[fault {', '.join(call['faults'])}]"] if call["faults"] else []
    words += [f"[ignored {', '.join(call['ignored'])}]"] if call["ignored"] else []
    return "  ".join(words)
