"""A region's simulated nodes: remembered by their specifications, shown by the API server, played by kwok."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sandbox.region.api import ApiClient, wait_until
from sandbox.region.control_plane import ControlPlane
from sandbox.region.errors import RegionError
from sandbox.region.layout import RegionLayout
from sandbox.region.pki import Identity, write_private
from sandbox.region.simulation import kwok
from sandbox.region.simulation.node_object import SIMULATED_LABEL, is_ready, node_object
from sandbox.region.specification import NodeSpec
from sandbox.toolchain.table import KUBERNETES_VERSION

CALLS_AT_ONCE = 8
"""Calls to the API server at the same time: more gains nothing on two cores."""
START_SECONDS = 60.0
SECONDS_A_NODE = 0.3
"""How much longer each node more may take; measured: 28 nodes a second on two cores, 7 on two that others used, too."""
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
NODES = "/api/v1/nodes"
Item = TypeVar("Item")


class SimulatedNodes:
    """Adds, brings back and removes the simulated nodes of one region."""

    def __init__(self, layout: RegionLayout, control_plane: ControlPlane) -> None:
        """Nothing is made yet."""
        self.layout, self.control_plane = layout, control_plane
        self._records = layout.state / "simulated-nodes"

    def names(self) -> list[str]:
        """Their names, also while the region is stopped."""
        if not self._records.is_dir():
            return []
        return sorted(entry.stem for entry in self._records.glob("*.json"))

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return self._record(name).exists()

    def is_running(self) -> bool:
        """Whether kwok runs; True without simulated nodes, which need none."""
        return not self.names() or self.control_plane.simulation().is_running()

    def start(self, api: ApiClient) -> None:
        """Have kwok play the nodes that there are, unless it does; no effect without any."""
        names = self.names()
        if not names or self.control_plane.simulation().is_running():
            return
        # A kwok that was killed still holds its nodes' leases, and the next one would wait until they end.
        held = {lease["metadata"]["name"] for lease in (api.get(LEASES) or {}).get("items", [])}
        _each(lambda name: api.delete(f"{LEASES}/{name}"), held.intersection(names))
        self._start_kwok(api)

    def add(self, api: ApiClient, specs: Sequence[NodeSpec]) -> None:
        """Add nodes, or leave those of their names as they are; returns when all are Ready.

        Raises:
            RegionError: when they are not Ready in time; those that are new are removed again.
        """
        new = [spec for spec in specs if not self.has(spec.name)]
        self._records.mkdir(parents=True, exist_ok=True)
        for spec in new:
            self._write(spec)
        try:
            self.start(api)
            _each(lambda spec: api.create(NODES, self._object(spec)), specs)
            self._wait_ready(api, {spec.name for spec in specs})
        except RegionError:
            self.remove(api, [spec.name for spec in new])
            raise

    def remove(self, api: ApiClient | None, names: Sequence[str]) -> None:
        """Take nodes away with their pods, and forget them; without an API server, forget them only."""
        known = [name for name in names if self.has(name)]
        if api is not None:
            _each(lambda name: _remove(api, name), known)
        for name in known:
            self._record(name).unlink(missing_ok=True)

    def _start_kwok(self, api: ApiClient) -> None:
        layout, plane = self.layout, self.control_plane
        for path, body in kwok.objects():
            api.apply(path, body)
        identity = Identity(kwok.NAME, kwok.USER, names=("localhost",), addresses=("127.0.0.1",))
        pair = plane.authority().issue(identity)
        write_private(layout.pki / f"{kwok.NAME}.kubeconfig", plane.render_kubeconfig(pair, kwok.USER))
        kwok.configuration_file(layout).write_text(kwok.render_configuration(layout))
        kwok.log_file(layout).write_text(kwok.log_lines(datetime.datetime.now(datetime.UTC)))
        plane.simulation().start()

    def _object(self, spec: NodeSpec) -> dict[str, Any]:
        return node_object(spec, self.layout, f"v{KUBERNETES_VERSION}")

    def _wait_ready(self, api: ApiClient, names: set[str]) -> None:
        daemon = self.control_plane.simulation()

        def missing() -> set[str]:
            if not daemon.is_running():
                raise RegionError(f"kwok of region {self.layout.name} ended; {daemon.last_words()}")
            found = api.get(f"{NODES}?labelSelector={SIMULATED_LABEL}%3Dtrue") or {}
            return names - {node["metadata"]["name"] for node in found.get("items", []) if is_ready(node)}

        def failure() -> str:
            left = missing()
            first = min(left, default="none any more")
            return f"{len(left)} simulated nodes ({first} ...) not Ready after {seconds:g} s; {daemon.last_words()}"

        seconds = START_SECONDS + SECONDS_A_NODE * len(names)
        wait_until(lambda: not missing(), seconds, failure, poll=0.2)

    def _write(self, spec: NodeSpec) -> None:
        path = self._record(spec.name)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(spec.to_dictionary()))
        temporary.replace(path)

    def _record(self, name: str) -> Path:
        return self._records / f"{name}.json"


def _each(act: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Do something with each, several at once; the first failure is raised when all are through."""
    with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="simulated") as callers:
        list(callers.map(act, items))


def _remove(api: ApiClient, name: str) -> None:
    """The node first, so that the scheduler sends nothing there any more."""
    api.delete(f"{NODES}/{name}")
    for pod in (api.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}") or {}).get("items", []):
        metadata = pod["metadata"]
        api.delete(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}")
