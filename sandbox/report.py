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
