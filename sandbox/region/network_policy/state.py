"""What is known of a region: objects as the watches tell them, and addresses as the nodes announce them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from sandbox.region.network_policy.compilation import Cluster, Fixture
from sandbox.region.network_policy.model import (
    Labels,
    Object,
    Pod,
    Policy,
    read_namespace,
    read_pod,
    read_policy,
)
from sandbox.region.network_policy.watch import Listener

KINDS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
}
Key = tuple[str, str]


class RegionState:
    """Takes changes from several threads; `changed` is notified when rules may have to change.

    A pod's address is announced by its node before any of its containers starts; the API server learns it later. What
    was announced holds until the pod is gone or another pod has the address (a node that was off gives the same ones
    out again), and is kept in a file, so that a restart in between forgets nobody.
    """

    def __init__(self, announcements: Path, fixtures: tuple[Fixture, ...] = ()) -> None:
        """Nothing is known but the addresses announced to an earlier process."""
        self.changed = threading.Condition()
        self.revision = 0
        """Grows with every change that matters."""
        self._file, self._fixtures = announcements, fixtures
        self._pods: dict[Key, Pod] = {}
        self._namespaces: dict[Key, Labels] = {}
        self._policies: dict[Key, Policy] = {}
        self._listed: set[str] = set()
        self._announced = _read_announcements(announcements)

    @property
    def is_complete(self) -> bool:
        """Whether each kind has been listed: rules from less would open what is shut."""
        return self._listed == KINDS.keys()

    def cluster(self) -> Cluster:
        """All that is known, for compilation."""
        with self.changed:
            owners = {address: identifier for identifier, address in self._announced.items()}
            return Cluster(
                tuple(self._with_announced(pod, owners) for pod in self._pods.values()),
                {name: labels for (_, name), labels in self._namespaces.items()},
                tuple(self._policies.values()),
                self._fixtures,
            )

    def pod(self, namespace: str, name: str) -> Pod | None:
        """A pod, when it has been seen."""
        with self.changed:
            return self._pods.get((namespace, name))

    def add_pod(self, body: Object) -> None:
        """Take a pod that was asked for before its watch told of it."""
        self.listener("pods").changed(body)

    def announce(self, identifier: str, address: IPv4Address) -> int:
        """Take the address that a node has given to a pod; the revision that includes it."""
        with self.changed:
            self._announced = {key: value for key, value in self._announced.items() if value != address}
            self._announced[identifier] = address
            alive = {pod.identifier for pod in self._pods.values()} | {identifier}
            if self.is_complete:
                self._announced = {key: value for key, value in self._announced.items() if key in alive}
            _write_announcements(self._file, self._announced)
            return self._bump()

    def listener(self, kind: str) -> Listener:
        """What a watch of this kind tells its news to."""
        read, store = self._reader(kind)

        def take(body: Object, gone: bool = False) -> None:
            key, value = _key(body), None if gone else read(body)
            with self.changed:
                before = store.get(key)
                if value is None:
                    store.pop(key, None)
                else:
                    store[key] = value
                if before != value:
                    self._bump()

        def replaced(bodies: list[Object]) -> None:
            fresh = {_key(body): read(body) for body in bodies}
            with self.changed:
                store.clear()
                store.update({key: value for key, value in fresh.items() if value is not None})
                self._listed.add(kind)
                self._bump()

        return Listener(replaced, take, lambda body: take(body, gone=True))

    def _reader(self, kind: str) -> tuple[Callable[[Object], Any], dict[Key, Any]]:
        readers: dict[str, tuple[Callable[[Object], Any], dict[Key, Any]]] = {
            "pods": (read_pod, self._pods),
            "namespaces": (read_namespace, self._namespaces),
            "policies": (read_policy, self._policies),
        }
        return readers[kind]

    def _with_announced(self, pod: Pod, owners: dict[IPv4Address, str]) -> Pod:
        """The pod with the address that it has by the announcements, which may be none any more."""
        address = self._announced.get(pod.identifier)
        if address is None and pod.address is not None and owners.get(pod.address, "") in ("", pod.identifier):
            return pod
        return replace(pod, address=address)

    def _bump(self) -> int:
        self.revision += 1
        self.changed.notify_all()
        return self.revision


def _key(body: Object) -> Key:
    metadata = body["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _read_announcements(path: Path) -> dict[str, IPv4Address]:
    try:
        return {key: IPv4Address(value) for key, value in json.loads(path.read_text()).items()}
    except (OSError, ValueError):
        return {}


def _write_announcements(path: Path, announced: dict[str, IPv4Address]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({key: str(value) for key, value in announced.items()}))
    temporary.replace(path)
