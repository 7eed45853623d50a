"""containerd of a node: its configuration, its pod network, and its command line."""

from __future__ import annotations

import json
import shlex
import sys
from ipaddress import IPv4Network
from pathlib import Path

PLUGIN_DIRECTORY = Path("/usr/lib/cni")
POLICY_PLUGIN = "network-policy"
POLICY_PROGRAM = Path(__file__).parent / "network_policy" / "cni_plugin.py"
SOCKET = "/run/containerd/containerd.sock"
"""As the node's own processes see it."""
NAMESPACE = "k8s.io"
"""containerd's namespace for Kubernetes."""


def render_configuration(
    root: Path,
    network_configuration: Path,
    pause_image: str,
    plugins: Path = PLUGIN_DIRECTORY,
    registries: Path | None = None,
) -> str:
    """containerd 1.6's configuration of a node.

    Its state directory and socket have their usual paths: the node's mount namespace puts the node's own there.

    Args:
        root: persistent files.
        network_configuration: directory of the CNI configuration.
        pause_image: reference of the image that holds a pod's namespaces.
        plugins: directory of the pod network's programs.
        registries: directory that says where images are pulled from (`write_registries`); none for no pulls.
    """
    pulls = ""
    if registries is not None:
        pulls = f'[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = {json.dumps(str(registries))}\n'
    return f"""\
version = 2
root = {json.dumps(str(root))}
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.native",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]

[grpc]
  address = {json.dumps(SOCKET)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {json.dumps(pause_image)}
  # Without CAP_SYS_RESOURCE (usual in virtual machines for tests) no process may lower this score.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = {json.dumps(str(plugins))}
  conf_dir = {json.dumps(str(network_configuration))}
  max_conf_num = 1

{pulls}"""


def write_registries(directory: Path, cloud: str, authority: str) -> None:
    """Have every image that a node has not be pulled from the cloud, whatever registry's name it bears.

    A node's containerd resolves no names (it sees the machine's resolver, not the region's), so it is given the cloud's
    address; it tells the cloud's registry which one it means. There is no way to any other.

    Args:
        directory: for containerd's `config_path`.
        cloud: the cloud's address.
        authority: the certificate (PEM) of the authority that the cloud is known by.
    """
    place = directory / "_default"
    place.mkdir(parents=True, exist_ok=True)
    (place / "ca.pem").write_text(authority)
    server, file = json.dumps(f"https://{cloud}"), json.dumps(str(place / "ca.pem"))
    # containerd 1.6 reads the file only when it has a host, and asks the server after it: both must know the authority.
    lines = [f"server = {server}", f"ca = {file}", f"[host.{server}]", '  capabilities = ["pull", "resolve"]']
    lines.append(f"  ca = {file}")
    (place / "hosts.toml").write_text("\n".join(lines) + "\n")


def write_plugins(directory: Path) -> None:
    """Fill a node's directory of plugins: the machine's, and ours, for containerd takes one directory only."""
    directory.mkdir(parents=True, exist_ok=True)
    for plugin in PLUGIN_DIRECTORY.iterdir():
        link = directory / plugin.name
        if not link.is_symlink():
            link.symlink_to(plugin)
    ours = directory / POLICY_PLUGIN
    # Without site packages and environment it starts in a third of the time.
    ours.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, '-I', '-S', str(POLICY_PROGRAM)])}\n")
    ours.chmod(0o755)


def render_pod_network(pods: IPv4Network, policies: Path) -> str:
    """The CNI configuration of a node: a routed point-to-point link a pod, host ports, and the wait for its policies.

    Args:
        pods: the node's range of addresses.
        policies: the socket of who enforces network policies.
    """
    return json.dumps(
        {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": str(pods)}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
                {"type": POLICY_PLUGIN, "socket": str(policies)},
            ],
        },
        indent=1,
    )
