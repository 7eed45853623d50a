"""Writes a node's rules into its network namespace, when they differ from what is there."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.region.network_policy.compilation import NodeRules
from sandbox.region.network_policy.rendering import (
    CHAIN,
    PASSING_SET,
    SET_PREFIX,
    TABLE,
    Rendered,
    render,
    render_sets,
)

COMMAND_SECONDS = 20.0
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class EnforcementError(Exception):
    """Rules could not be written; the ones before still hold."""


@dataclass
class _Present:
    """What we know to be in a namespace."""

    namespace: int
    """An open file of the namespace: one that is made again under the same name is empty.

    As long as it is open the kernel gives the namespace's inode number to no other.
    """
    rendered: Rendered | None = None
    sets: set[str] = field(default_factory=set)
    has_jump: bool = False


class Enforcer:
    """Knows what is in each node's namespace and brings it to what shall be there."""

    def __init__(self, directory: Path, prefix: str) -> None:
        """Look for nodes' namespaces.

        Args:
            directory: where network namespaces are pinned.
            prefix: what a namespace's name has before the node's name.
        """
        self._directory, self._prefix = directory, prefix
        self._present: dict[str, _Present] = {}

    def nodes(self) -> list[str]:
        """Nodes that have a namespace on this machine."""
        if not self._directory.is_dir():
            return []
        found = (entry.name for entry in self._directory.iterdir() if entry.name.startswith(self._prefix))
        nodes = sorted(name.removeprefix(self._prefix) for name in found)
        for gone in self._present.keys() - set(nodes):
            self._forget(gone)
        return nodes

    def enforce(self, node: str, rules: NodeRules) -> bool:
        """Bring a node to these rules; whether anything had to be written.

        Raises:
            EnforcementError: when it is refused; it says what was said.
        """
        path = self._directory / f"{self._prefix}{node}"
        present = self._present.get(node)
        try:
            if present is None or not os.path.samestat(path.stat(), os.fstat(present.namespace)):
                self._forget(node)
                present = self._present[node] = self._read(path)
        except OSError:  # the node has just gone
            self._forget(node)
            return False
        wanted = render(rules)
        if present.rendered == wanted:
            return False
        if rules.is_empty() and not present.sets and not present.has_jump:
            present.rendered = wanted  # nothing is there, and nothing is needed
            return False
        try:
            self._write(path, wanted, present)
        except EnforcementError:
            self._forget(node)  # what is there is read again
            raise
        present.rendered = wanted
        return True

    def _forget(self, node: str) -> None:
        present = self._present.pop(node, None)
        if present is not None:
            os.close(present.namespace)

    def _write(self, path: Path, wanted: Rendered, present: _Present) -> None:
        missing = {name: networks for name, networks in wanted.sets.items() if name not in present.sets}
        if missing:
            _run(path, ["ipset", "restore"], render_sets(missing))
            present.sets |= missing.keys()
        jump = "" if present.has_jump else f"-A FORWARD -j {CHAIN}\n"
        chains = wanted.chains.replace("COMMIT\n", f"{jump}COMMIT\n")
        _run(path, ["iptables-restore", "--noflush", "--wait", "10"], chains)
        present.has_jump = True
        for name in sorted(present.sets - wanted.sets.keys()):
            # The kernel lets go of a replaced chain's sets a moment later; what it still holds goes next time.
            with contextlib.suppress(EnforcementError):
                _run(path, ["ipset", "destroy", name])
                present.sets.discard(name)

    def _read(self, path: Path) -> _Present:
        """What an earlier process of ours left there."""
        namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._read_rules(path, namespace)
        except EnforcementError:
            os.close(namespace)
            raise

    def _read_rules(self, path: Path, namespace: int) -> _Present:
        names = _run(path, ["ipset", "list", "-name"]).split()
        if PASSING_SET in names:
            _run(path, ["ipset", "destroy", PASSING_SET])
        forward = _run(path, ["iptables", "--wait", "10", "--table", TABLE, "--list-rules", "FORWARD"])
        return _Present(
            namespace,
            sets={name for name in names if name.startswith(SET_PREFIX)},
            has_jump=f"-A FORWARD -j {CHAIN}" in forward.splitlines(),
        )


def _run(namespace: Path, command: Sequence[str], standard_input: str = "") -> str:
    arguments = ["nsenter", f"--net={namespace}", "--", *command]
    try:
        done = subprocess.run(
            arguments,
            input=standard_input,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            env=ENVIRONMENT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnforcementError(f"`{' '.join(arguments)}`: {error}") from error
    if done.returncode != 0:
        raise EnforcementError(f"`{' '.join(arguments)}` ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    return done.stdout
