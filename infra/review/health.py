"""Applies a reviewed change, and looks whether what it declares is up: workloads in the clusters, names in the DNS."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnslib import DNSRecord

from infra.review.engine import QUERY_TIMEOUT_SECONDS, Engine
from infra.review.errors import ReviewError
from infra.review.plan import Preview
from infra.review.scope import platforms
from infra.settings.loading import STACKS

DNS_TIMEOUT_SECONDS = 5.0
DNS_PATIENCE_SECONDS = 30.0
DNS_PAUSE_SECONDS = 1.0
WORKLOAD_PATIENCE_SECONDS = 180.0
"""A server loads its model within a minute; an image of 2 GB is pulled within two."""
WORKLOAD_PAUSE_SECONDS = 2.0
WORKLOADS = "deployments,statefulsets,jobs,cronjobs"
Row = tuple[str, str, bool, str]
"""Where, what, whether it is healthy, and its state in words."""


def apply_and_look(engine: Engine, previews: Sequence[Preview], dns_server: str | None) -> tuple[list[str], list[str]]:
    """Apply each stack, platforms first, up to the first failure; returns what came up, and what did not."""
    standing_on = platforms(engine.root / STACKS)
    lines: list[str] = ["| where | what | state |", "|---|---|---|"]
    failed: list[str] = []
    for preview in previews:
        reason = engine.up(preview.stack)
        if reason:
            failed.append(f"`{preview.stack}`: `pulumi up` failed: {reason}; what was applied before it stays")
            break
        lines.append(f"| `{preview.stack}` | `pulumi up` | ✅ done |")
        platform = standing_on.get(preview.stack)
        if platform is None:
            continue
        for where, what, healthy, state in _look(engine, preview.stack, platform, dns_server):
            lines.append(f"| {where} | {what} | {'✅' if healthy else '❌'} {state} |")
            if not healthy:
                failed.append(f"`{preview.stack}`: {what} in {where} is not healthy: {state}")
    return lines, failed


def _look(engine: Engine, stack: str, platform: str, dns_server: str | None) -> list[Row]:
    outputs = _outputs(engine, stack)
    kubeconfigs = _outputs(engine, platform).get("kubeconfigs") or {}
    rows: list[Row] = []
    for region, places in sorted((outputs.get("regions") or {}).items()):
        where = f"`{stack}` in {region}"
        objects = _settled(str(kubeconfigs[region]), str(places["namespace"])) if region in kubeconfigs else []
        rows += [(where, *row) for row in map(workload_state, objects)]
    if outputs.get("dns_name"):
        rows.append((f"`{stack}`", *_name_state(str(outputs["dns_name"]), dns_server)))
    return rows


def workload_state(item: Mapping[str, Any]) -> tuple[str, bool, str]:
    """What a workload is, whether it is healthy, and how it stands."""
    kind, spec, status = str(item["kind"]), item.get("spec") or {}, item.get("status") or {}
    what = f"{kind} `{item['metadata']['name']}`"
    if kind == "CronJob":
        return (
            what,
            not spec.get("suspend"),
            "suspended" if spec.get("suspend") else f"scheduled `{spec.get('schedule')}`",
        )
    if kind == "Job":
        failed = any(
            condition.get("type") == "Failed" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        )
        state = "failed" if failed else "succeeded" if status.get("succeeded") else "running"
        return what, not failed, state
    wanted = int(spec.get("replicas", 1))
    ready = int(status.get("readyReplicas") or 0)
    current = status.get("observedGeneration") == item["metadata"].get("generation")
    return what, ready >= wanted and current, f"{ready} of {wanted} ready" + ("" if current else ", not yet rolled out")


def _outputs(engine: Engine, stack: str) -> dict[str, Any]:
    result = engine.run(["stack", "output", "--json", "--show-secrets", "--stack", stack], QUERY_TIMEOUT_SECONDS)
    if result.returncode != 0:
        raise ReviewError(f"the outputs of `{stack}` cannot be read: {result.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _settled(kubeconfig: str, namespace: str) -> list[dict[str, Any]]:
    """A namespace's workloads, once all are healthy or patience ends: `pulumi up` does not wait for all of them."""
    deadline = time.monotonic() + WORKLOAD_PATIENCE_SECONDS
    while True:
        objects = _workloads(kubeconfig, namespace)
        if all(workload_state(item)[1] for item in objects) or time.monotonic() > deadline:
            return objects
        time.sleep(WORKLOAD_PAUSE_SECONDS)


def _workloads(kubeconfig: str, namespace: str) -> list[dict[str, Any]]:
    """A namespace's workloads, by kubectl; the kubeconfig lies in a file of its owner's alone for as long."""
    program = shutil.which("kubectl")
    if program is None:
        raise ReviewError("no `kubectl` on PATH; install it, or leave `--apply` out")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            stream.write(kubeconfig)
        result = subprocess.run(
            [program, "--kubeconfig", str(path), "--namespace", namespace, "get", WORKLOADS, "--output", "json"],
            capture_output=True, text=True, timeout=QUERY_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ReviewError(f"the workloads of the namespace `{namespace}` cannot be listed: {reason}")
    items: list[dict[str, Any]] = json.loads(result.stdout)["items"]
    return sorted(items, key=lambda item: (item["kind"], item["metadata"]["name"]))


def _name_state(name: str, server: str | None) -> tuple[str, bool, str]:
    """Asked again for half a minute: a record made just now may take that long to be served."""
    deadline = time.monotonic() + DNS_PATIENCE_SECONDS
    while True:
        addresses = _addresses(name, server)
        if addresses or time.monotonic() > deadline:
            break
        time.sleep(DNS_PAUSE_SECONDS)
    return f"DNS name `{name}`", bool(addresses), ", ".join(addresses) or "no answer"


def _addresses(name: str, server: str | None) -> list[str]:
    try:
        if server is None:
            return sorted({str(row[4][0]) for row in socket.getaddrinfo(name, 443, socket.AF_INET)})
        answer = DNSRecord.parse(DNSRecord.question(name).send(server, 53, timeout=DNS_TIMEOUT_SECONDS))
        return sorted(str(record.rdata) for record in answer.rr)
    except OSError:
        return []
