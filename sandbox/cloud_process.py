"""Starts, finds and stops the process that is the emulated cloud."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sandbox.certificates import certificate_authority, server_certificate
from sandbox.errors import SandboxError, UsageError
from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.1
ASK_SECONDS = 5.0


def start(settings: SandboxSettings) -> None:
    """Start the cloud unless it runs already; returns when it answers. Raises SandboxError with its last words."""
    if is_answering(settings):
        return
    if process_id(settings) is not None:
        stop(settings)  # it runs but does not answer
    server_certificate(settings)
    logs = settings.state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    output = logs / "cloud-process.log"
    with output.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.cloud"],
            cwd=REPOSITORY,
            env={**os.environ, **_identity(settings)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    _wait_until_it_answers(settings, process, output)
    process.returncode = 0  # it is meant to outlive us: else Python warns that it still runs


def _wait_until_it_answers(settings: SandboxSettings, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not is_answering(settings):
        if process.poll() is not None or time.monotonic() > deadline:
            last = (output.read_text(errors="replace").strip().splitlines() or ["it printed nothing"])[-1]
            raise SandboxError(f"the emulated cloud did not start: {last} (all of it: {output})")
        time.sleep(POLL_SECONDS)


def stop(settings: SandboxSettings) -> None:
    """End the cloud's process; its state stays. Does nothing when it does not run."""
    pid = process_id(settings)
    if pid is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if process_id(settings) is None:
                return
            time.sleep(POLL_SECONDS)
    raise SandboxError(f"the emulated cloud (process {pid}) does not end, not even when killed; look at it with `ps`")


def process_id(settings: SandboxSettings) -> int | None:
    """The cloud's process id; None when no such process runs. A reused process id is not taken for it."""
    path = settings.state / "cloud.pid"
    try:
        pid = int(path.read_text().split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    return pid if b"sandbox.cloud" in command and state != "Z" else None


def require_own_index(settings: SandboxSettings) -> None:
    """Raise SandboxError when another sandbox runs in the same place of the address plan.

    Whatever is on the host is told apart by that place alone, so either of the two would sweep the other away.
    """
    for entry in Path("/proc").iterdir():
        found = _served_by(entry)
        if found.get("SANDBOX_INDEX") == str(settings.addresses.index) and found.get("SANDBOX_STATE") != str(
            settings.state
        ):
            raise SandboxError(
                f"the sandbox {found.get('SANDBOX_NAME')!r} (process {entry.name}) runs with SANDBOX_INDEX="
                f"{settings.addresses.index}, and two in one place of the address plan would destroy each other; give "
                f"this one ({settings.name!r}) another SANDBOX_INDEX"
            )


def _served_by(process: Path) -> dict[str, str]:
    """Which sandbox a process of /proc serves; empty when it is no cloud, or one with simulated clusters only."""
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
        if not process.name.isdigit() or b"sandbox.cloud" not in command or b"--simulated" in command:
            return {}
        pairs = (process / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if pair.startswith("SANDBOX_"))


def own_arguments(settings: SandboxSettings) -> list[str]:
    """The arguments that the running cloud was given; none when it was started by `start`, or does not run."""
    pid = process_id(settings)
    if pid is None:
        return []
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return [argument for argument in command[command.index("sandbox.cloud") + 1 :] if argument]


def is_answering(settings: SandboxSettings) -> bool:
    """Whether the cloud answers on its address."""
    try:
        ask(settings, "GET", "clock")
    except SandboxError:
        return False
    return True


def status(settings: SandboxSettings) -> dict[str, Any]:
    """What the cloud says of itself: regions, resources, recent calls. Raises SandboxError when it does not answer."""
    return ask(settings, "GET", "status")


def page_address(settings: SandboxSettings) -> str:
    """Where a browser on this machine finds the status page."""
    return f"{settings.cloud_url}/_sandbox/"


def ask(
    settings: SandboxSettings, method: str, path: str, content: Any = None, *, timeout_seconds: float = ASK_SECONDS
) -> dict[str, Any]:
    """Call a control endpoint: `path` is what follows /_sandbox/, `content` is sent as JSON.

    Raises:
        SandboxError: when the cloud does not answer, or refuses; it says why.
        UsageError: when what was asked for makes no sense to it.
    """
    context = ssl.create_default_context(cafile=str(certificate_authority(settings.cache).certificate_path))
    url = f"https://{settings.cloud_endpoint}/_sandbox/{path}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    body = None if content is None else json.dumps(content).encode()
    headers = {} if method == "GET" else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with opener.open(request, timeout=timeout_seconds) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        kind = UsageError if error.code == HTTPStatus.BAD_REQUEST else SandboxError
        raise kind(f"the cloud refused: {_reason(error.read(4000))}") from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise SandboxError(f"the cloud does not answer on {url}: {error}; run `python -m sandbox up`") from error
    return found


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


def _identity(settings: SandboxSettings) -> dict[str, str]:
    return {
        "SANDBOX_NAME": settings.name,
        "SANDBOX_INDEX": str(settings.addresses.index),
        "SANDBOX_STATE": str(settings.state),
        "LANGUAGE_MODEL_CLUSTERS_CACHE": str(settings.cache),
    }
