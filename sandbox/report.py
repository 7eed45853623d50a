"""What the commands say to a person: the end of a deployment, the status, the doctor's findings, faults, calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.doctor import Finding
from sandbox.settings import SandboxSettings

SHOWN_NODES = 20
"""Nodes that the status lists one by one in each region."""
MEBIBYTE = 2**20


def render(result: Mapping[str, Any], settings: SandboxSettings) -> str:
    """The closing report as text; `result` is what `deployment.deploy` returns."""
    lines = [line for business, found in result.items() for line in _business(business, found, settings)]
    lines.append(f"status page    {settings.cloud_url}/_sandbox/ in a browser, or python -m sandbox status")
    stack = next(iter(result), "platform")
    lines.append(f'next           eval "$(python -m sandbox env)" && pulumi preview --stack {stack}')
    return "\n".join(lines)


def _business(business: str, found: Mapping[str, Any], settings: SandboxSettings) -> list[str]:
    outputs = found["outputs"]
    lines = ["", f"The business {business!r} has its cluster: {outputs['dns_name']}"]
    for region, places in outputs["regions"].items():
        model = found["models"].get(region)
        trains = region == outputs["training_region"]
        lines.append(f"in {region}" if trains else f"in {region}, where training stands by")
        if model is not None:
            held_out = ", ".join(f"{name} {value:,.1f}" for name, value in model["perplexity"].items())
            folder = f"{places['models']}{model['version']}/"
            lines += [
                f"  model        {folder}",
                f"  evaluation   {folder}evaluation.md",
                f"  perplexity   {held_out} (held-out words, lower is better)",
            ]
        lines.append(
            f"  DNS name     {places['dns_name']} -> {places['entry_address']}"
            f"   (dig @{settings.addresses.cloud} {places['dns_name']})"
        )
        if trains:
            lines.append(f"  training     namespace {places['namespace']}; python -m sandbox logs {business}")
    return lines


def render_findings(findings: Sequence[Finding]) -> str:
    """The doctor's findings on one screen: a line each, and below what is not well the way to mend it."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{'ok ' if finding.is_well else 'BAD'} {finding.check:<{width}}  {finding.found}")
        if finding.remedy:
            lines.append(f"    {'':<{width}}  -> {finding.remedy}")
    bad = sum(not finding.is_well for finding in findings)
    return "\n".join([*lines, f"{bad} of {len(findings)} need something" if bad else "this machine has all it needs"])


def render_status(status: dict[str, Any]) -> str:
    """What the cloud says of itself, as a person reads it: regions, clusters, resources, names, errors."""
    lines = [line for region in status.get("regions", []) for line in _region(region)]
    for service, kinds in status.get("resources_by_service", {}).items():
        lines.append(f"resources: {service}: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}")
    zones = status.get("services", {}).get("Alidns", {}).get("zones", {})
    lines += [f"zone: {name}: {count} records" for name, count in sorted(zones.items())]
    lines += [f"alert fires: {name}" for name in status.get("services", {}).get("Sls", {}).get("firing_alerts", [])]
    lines += [f"fault: {render_fault(fault)}" for fault in status.get("faults", [])]
    lines += [f"unknown action: {name}: {count} calls" for name, count in _counted(status, "unknown_actions")]
    lines += [f"ignored parameter: {name}: {count} calls" for name, count in _counted(status, "ignored_parameters")]
    for call in status.get("last_errors", []):
        lines.append(f"error: {call['time']} {call['service']}.{call['action']}: {call['code']}: {call['message']}")
    return "\n".join(lines) or "nothing in it yet"


def _region(region: Mapping[str, Any]) -> Iterator[str]:
    """A region and what is inside its clusters; of many nodes those that are not ready come first."""
    yield f"region: {region['name']}: {'out' if region['out'] else 'reachable'}"
    for cluster in region["clusters"]:
        reason = cluster["reason"] or cluster["error"]
        yield f"  cluster: {cluster['name']}: {cluster['state']}: {reason}".removesuffix(": ")
        inside = cluster["inside"]
        if inside is None:
            continue
        counts = inside["nodes"]
        kinds = f"{counts['real']} real, {counts['simulated']} simulated"
        yield f"  nodes: {counts['ready']} of {counts['total']} ready ({kinds})"
        for node in inside["listed_nodes"][:SHOWN_NODES]:
            yield f"    {node['name']}: {'Ready' if node['ready'] else 'NotReady'}: {node['reason']}".removesuffix(": ")
        if counts["total"] > SHOWN_NODES:
            yield f"    and {counts['total'] - SHOWN_NODES} more"
        for namespace, phases in inside["pods"].items():
            yield f"  pods in {namespace}: {', '.join(f'{phase} {count}' for phase, count in sorted(phases.items()))}"
        for pod in inside["troubles"]:
            yield f"    {pod['namespace']}/{pod['name']}: {pod['phase']}: {pod['reason']}"
        for volume in inside["volumes"]:
            used = "" if volume["used_bytes"] is None else f", {volume['used_bytes'] / MEBIBYTE:.1f} MiB used"
            where = f"{volume['capacity']} {volume['storage_class']} in {volume['place']}"
            yield f"  volume {volume['name']}: {volume['claim']}: {volume['phase']}: {where}{used}"
        if inside["volumes_in_all"] > len(inside["volumes"]):
            yield f"    and {inside['volumes_in_all'] - len(inside['volumes'])} more"


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
    caller = f" from {fault['caller']}" if fault["caller"] != "*" else ""
    place = f"in {fault['region']}{caller}"
    return (
        f"{fault['name']}: {fault['service']}.{fault['action']} {place}: {', '.join(effects + limits)}; "
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
