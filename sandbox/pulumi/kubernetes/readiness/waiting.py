"""Waits until an object is ready or gone, and says in the meantime what for."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sandbox.pulumi.kubernetes.cluster import Cluster
from sandbox.pulumi.kubernetes.errors import ApiError, ProviderError
from sandbox.pulumi.kubernetes.objects import SKIP_AWAIT, TIMEOUT_SECONDS, Identity
from sandbox.pulumi.kubernetes.readiness import pods
from sandbox.pulumi.kubernetes.readiness.feed import Feed, Snapshot
from sandbox.pulumi.kubernetes.readiness.rules import rule_for
from sandbox.pulumi.kubernetes.readiness.verdict import READY, Object, Rule, Verdict

DELETE_SECONDS = 600.0
CANCEL_CHECK_SECONDS = 1.0
MOST_EVENTS = 5

Say = Callable[[str], None]


class NotReadyError(ProviderError):
    """The object exists, but is not ready: failed, or not in time. `live` is its newest state."""

    def __init__(self, message: str, live: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.live = dict(live)


class GoneError(ProviderError):
    """The object was deleted by someone while its readiness was waited for."""


def wait_ready(
    cluster: Cluster, identity: Identity, live: Mapping[str, Any], timeout: float | None, say: Say
) -> dict[str, Any]:
    """The object once it is ready; `timeout` in seconds, None for its kind's default. Raises NotReadyError."""
    rule = rule_for(identity.api_version, identity.kind)
    if rule is None or rule.judge(live, ()) == READY or _is_bound_later(cluster, live):
        return dict(live)
    seconds = timeout or rule.timeout_seconds
    return _Wait(cluster, identity, rule, live, say).until(time.monotonic() + seconds, seconds)


def wait_deleted(cluster: Cluster, identity: Identity, timeout: float | None, say: Say) -> None:
    """Return once the object is gone. Raises ProviderError with what holds it, after the timeout (10 minutes)."""
    seconds = timeout or DELETE_SECONDS
    deadline = time.monotonic() + seconds
    # Most objects are gone at once; a watch would be more work than this look.
    if cluster.read(identity) is None:
        return
    last: Object = {}
    with _feeds(cluster, identity, {}, None) as changes:
        while True:
            _, objects = _next(changes, cluster, deadline) or ("object", [last])
            if not objects or (last and objects[0]["metadata"]["uid"] != last["metadata"]["uid"]):
                return
            last = objects[0]
            if time.monotonic() >= deadline:
                raise ProviderError(f"{identity} is not gone after {seconds:.0f} s: {_held_by(last)}")
            if last.get("metadata", {}).get("deletionTimestamp"):
                say(_held_by(last))


class _Wait:
    def __init__(self, cluster: Cluster, identity: Identity, rule: Rule, live: Mapping[str, Any], say: Say) -> None:
        self._cluster = cluster
        self._identity = identity
        self._rule = rule
        self._live = dict(live)
        self._related: Sequence[Object] = ()
        self._say = say

    def until(self, deadline: float, seconds: float) -> dict[str, Any]:
        said = ""
        with _feeds(self._cluster, self._identity, self._live, self._rule.related(self._live)) as changes:
            while True:
                verdict = self._rule.judge(self._live, self._related)
                if verdict == READY:
                    return self._live
                if verdict.state == "failed":
                    raise self._error(f"{self._identity} failed: {verdict.text}")
                if verdict.text != said:
                    self._say(verdict.text)
                    said = verdict.text
                change = _next(changes, self._cluster, deadline)
                if change is None:
                    raise self._late(verdict, seconds)
                self._take(change)

    def _take(self, change: Snapshot) -> None:
        name, objects = change
        if name != "object":
            self._related = objects
        elif objects:
            # Rows of a list come without these.
            named = {"apiVersion": self._identity.api_version, "kind": self._identity.kind}
            self._live = {**named, **objects[0]}
        else:
            raise GoneError(f"{self._identity} was deleted by someone else while waiting for it to be ready")

    def _late(self, verdict: Verdict, seconds: float) -> NotReadyError:
        return self._error(
            f"{self._identity} is not ready after {seconds:.0f} s, it waits: {verdict.text}\n"
            f"(customTimeouts or the annotation {TIMEOUT_SECONDS} set another limit; {SKIP_AWAIT} waits for nothing)"
        )

    def _error(self, message: str) -> NotReadyError:
        unready = [pod["metadata"]["name"] for pod in self._related if _is_unready_pod(pod)]
        lines = recent_events(self._cluster, self._identity, unready[:1])
        text = "".join(f"\n  {line}" for line in lines)
        return NotReadyError(message + (f"\nlast events:{text}" if lines else ""), self._live)


def _is_unready_pod(related: Object) -> bool:
    return "phase" in related.get("status", {}) and not pods.is_ready(related)


def recent_events(cluster: Cluster, identity: Identity, also: Sequence[str]) -> list[str]:
    """The last warnings about an object and about others in its namespace, oldest first."""
    rows: list[Mapping[str, Any]] = []
    namespace = identity.namespace or "default"
    for name in (identity.name, *also):
        try:
            answer = cluster.client.get(
                f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"involvedObject.name={name},type=Warning"
            )
        except ProviderError:
            # The events only make the message better; the message itself must not be lost.
            continue
        rows += answer.get("items") or []
    rows.sort(key=lambda row: str(row.get("lastTimestamp") or row.get("eventTime") or ""))
    return [
        f"{row['involvedObject']['kind']} {row['involvedObject']['name']}: {row.get('reason')}: {row.get('message')}"
        for row in rows[-MOST_EVENTS:]
    ]


@contextmanager
def _feeds(
    cluster: Cluster, identity: Identity, live: Mapping[str, Any], related: tuple[str, str] | None
) -> Iterator[queue.Queue[Snapshot]]:
    out: queue.Queue[Snapshot] = queue.Queue()
    collection = cluster.kind(identity).path(identity.namespace)
    feeds = [Feed(cluster.client, "object", collection, {"fieldSelector": f"metadata.name={identity.name}"}, out)]
    if related is not None:
        plural, labels = related
        prefix = "/api/v1" if plural == "pods" else "/apis/discovery.k8s.io/v1"
        path = f"{prefix}/namespaces/{identity.namespace}/{plural}"
        feeds.append(Feed(cluster.client, plural, path, {"labelSelector": labels}, out))
    for feed in feeds:
        feed.start()
    try:
        yield out
    finally:
        for feed in feeds:
            feed.stop()


def _next(changes: queue.Queue[Snapshot], cluster: Cluster, deadline: float) -> Snapshot | None:
    """The next change, None when the deadline passes without one. Raises ProviderError when the engine cancels."""
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return None
        if cluster.cancelled.is_set():
            raise ProviderError("cancelled while waiting")
        try:
            return changes.get(timeout=min(remaining, CANCEL_CHECK_SECONDS))
        except queue.Empty:
            continue


def _held_by(live: Object) -> str:
    found = live.get("metadata", {}).get("finalizers") or live.get("spec", {}).get("finalizers") or []
    if live.get("kind") == "Namespace" or "phase" in live.get("status", {}):
        texts = [
            str(row.get("message"))
            for row in live.get("status", {}).get("conditions") or []
            if row.get("status") == "True" and row.get("type", "").endswith("Remaining")
        ]
        if texts:
            return "; ".join(texts)
    return f"deletion waits for the finalizers {', '.join(found)}" if found else "deletion is under way"


def _is_bound_later(cluster: Cluster, live: Mapping[str, Any]) -> bool:
    """Whether a claim gets its volume only with its first pod; nothing to wait for then."""
    if live.get("kind") != "PersistentVolumeClaim":
        return False
    name = live.get("spec", {}).get("storageClassName")
    try:
        if name == "":
            return False
        if name:
            classes = [cluster.client.find(f"/apis/storage.k8s.io/v1/storageclasses/{name}") or {}]
        else:
            classes = cluster.client.get("/apis/storage.k8s.io/v1/storageclasses").get("items") or []
            mark = "storageclass.kubernetes.io/is-default-class"
            classes = [row for row in classes if (row["metadata"].get("annotations") or {}).get(mark) == "true"]
    except ApiError:
        return False
    return any(row.get("volumeBindingMode") == "WaitForFirstConsumer" for row in classes)
