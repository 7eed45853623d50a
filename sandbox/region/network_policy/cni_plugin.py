"""The last plugin of a node's pod network: a new pod starts only when its network policies hold.

Runs as a program of its own for each pod, and imports nothing of the sandbox, to stay fast. It changes nothing of the
network: it passes on what the plugins before it have made. When nobody enforces policies, the pod does not start, and
kubelet tries again: what is meant to be shut is never open.

Protocol: https://www.cni.dev/docs/spec/ (ADD with prevResult; DEL, CHECK and VERSION have nothing to do).
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0"]
WAIT_SECONDS = 30.0
TRY_AGAIN_LATER = 11
"""The error code of the specification."""


def announcement(arguments: str, result: Mapping[str, Any]) -> dict[str, str]:
    """What to tell of the pod.

    Args:
        arguments: CNI_ARGS, "key=value" divided by ";".
        result: what the plugins before have made.
    """
    values = dict(pair.split("=", 1) for pair in arguments.split(";") if "=" in pair)
    addresses = [entry["address"].partition("/")[0] for entry in result.get("ips", [])]
    return {
        "namespace": values.get("K8S_POD_NAMESPACE", ""),
        "name": values.get("K8S_POD_NAME", ""),
        "uid": values.get("K8S_POD_UID", ""),
        "address": next((address for address in addresses if ":" not in address), ""),
    }


def ask(path: str, message: Mapping[str, str]) -> str:
    """Announce the pod and wait; why it must not start, or ""."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(WAIT_SECONDS)
            connection.connect(path)
            connection.sendall(json.dumps(message).encode() + b"\n")
            answer = connection.makefile().readline()
        return str(json.loads(answer).get("error", ""))
    except (OSError, ValueError) as error:
        return f"the region's network policies are not enforced ({path}: {error}); start the region again"


def main() -> int:
    """The protocol: configuration on standard input, the rest in the environment; the exit status."""
    configuration = json.load(sys.stdin)
    command = os.environ.get("CNI_COMMAND", "")
    version = configuration.get("cniVersion", VERSIONS[-1])
    if command == "VERSION":
        print(json.dumps({"cniVersion": version, "supportedVersions": VERSIONS}))
    if command != "ADD":
        return 0
    result = configuration.get("prevResult", {})
    reason = ask(configuration["socket"], announcement(os.environ.get("CNI_ARGS", ""), result))
    if reason:
        print(json.dumps({"cniVersion": version, "code": TRY_AGAIN_LATER, "msg": reason}))
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
