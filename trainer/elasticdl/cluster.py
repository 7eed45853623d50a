"""The job's pods and services in Kubernetes, as far as the launcher needs them.

Needs, in the business's namespace: pods get, list, create, patch, delete; pods/log get; services list, delete. (The
master itself: pods get, list, watch, create, patch, delete; services get, create.)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from trainer.elasticdl import context
from trainer.errors import TrainingError

REMOVAL_SECONDS = 120
GRACE_SECONDS = 1
"""A parameter server runs below a shell that hears no signal, and nobody waits for what a lost job's workers do."""
REQUEST_SECONDS = 15
REMOVAL_ANNOTATION = "language-models/removal"
"""Set on a pod that is removed on purpose, so that nobody takes it for a fault: on a living master's by the launcher,
before it removes the job; on a worker's by the master, when it has too many."""


@dataclass(frozen=True)
class Pods:
    """A look at the job's pods. `master` is None (there is none) or Kubernetes' phase."""

    master: str | None
    master_run: str = ""
    """The encoded run that the master was started for."""
    detail: str = ""
    workers: dict[str, str] = field(default_factory=dict)


class JobCluster(Protocol):
    """What the launcher asks of the cluster; tests put a fake in its place."""

    def look(self) -> Pods:
        """The pods as they are."""

    def submit(self, run: context.RunContext, arguments: list[str]) -> None:
        """Start a master. Raises TrainingError if the cluster refuses it."""

    def remove(self, still_wanted: Callable[[], bool]) -> None:
        """Delete what is left of the job and wait until it is gone."""

    def log(self, pod: str, seconds: int) -> str:
        """A pod's last lines; empty if it has none (yet)."""

    def master_name(self) -> str:
        """Name of the master's pod."""


class KubernetesCluster:
    """The real one, from inside a pod or with a person's kubeconfig."""

    def __init__(self, job_name: str, namespace: str) -> None:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config()
        else:
            config.load_kube_config()
        self._job_name = job_name
        self._namespace = namespace
        self._selector = f"elasticdl-job-name={job_name}"
        self._api = client.CoreV1Api()

    def master_name(self) -> str:
        return f"elasticdl-{self._job_name}-master"

    def look(self) -> Pods:
        answer = self._call(
            lambda: self._api.list_namespaced_pod(
                self._namespace, label_selector=self._selector, _request_timeout=REQUEST_SECONDS
            )
        )
        master, run, detail, workers = None, "", "", {}
        for pod in answer.items:
            kind = (pod.metadata.labels or {}).get("elasticdl-replica-type")
            if kind == "worker":
                workers[pod.metadata.name] = pod.status.phase
            elif kind == "master":
                master = "Terminating" if pod.metadata.deletion_timestamp else pod.status.phase
                run = next(
                    (entry.value or "" for entry in pod.spec.containers[0].env if entry.name == context.VARIABLE), ""
                )
                detail = _why(pod)
        return Pods(master, run, detail, workers)

    def submit(self, run: context.RunContext, arguments: list[str]) -> None:
        os.environ[context.VARIABLE] = run.encode()  # the cluster_spec hook runs in this process and reads it
        context.current.cache_clear()
        from elasticdl_client.main import build_argument_parser  # noqa: PLC0415 - loads Docker's client

        parsed = build_argument_parser().parse_args(arguments)
        self._call(lambda: parsed.func(parsed))

    def remove(self, still_wanted: Callable[[], bool]) -> None:
        deadline = time.monotonic() + REMOVAL_SECONDS
        options = {"label_selector": self._selector, "_request_timeout": REQUEST_SECONDS}
        while still_wanted():
            pods = self._call(lambda: self._api.list_namespaced_pod(self._namespace, **options)).items
            services = self._call(lambda: self._api.list_namespaced_service(self._namespace, **options)).items
            if not pods and not services:
                return
            for pod in pods:
                going = pod.metadata.deletion_timestamp is not None
                # Once their master is gone, Kubernetes deletes the others too, with the pods' own grace of 10 s.
                if not going or (pod.metadata.deletion_grace_period_seconds or 0) > GRACE_SECONDS:
                    if not going:
                        self._announce(pod)
                    self._delete(self._api.delete_namespaced_pod, pod.metadata.name)
            for service in services:
                self._delete(self._api.delete_namespaced_service, service.metadata.name)
            if time.monotonic() > deadline:
                names = ", ".join(pod.metadata.name for pod in pods) or "services"
                raise TrainingError(
                    f"{names} still there {REMOVAL_SECONDS} s after being deleted; see kubectl describe"
                )
            time.sleep(1)

    def _announce(self, pod: Any) -> None:
        if pod.metadata.name != self.master_name() or pod.status.phase not in ("Pending", "Running"):
            return
        body = {"metadata": {"uid": pod.metadata.uid, "annotations": {REMOVAL_ANNOTATION: "launcher"}}}
        try:
            self._api.patch_namespaced_pod(pod.metadata.name, self._namespace, body, _request_timeout=REQUEST_SECONDS)
        except ApiException as error:
            if error.status not in (404, 409):
                raise TrainingError(_refusal(error)) from error

    def log(self, pod: str, seconds: int) -> str:
        try:
            text: str = self._api.read_namespaced_pod_log(
                pod, self._namespace, since_seconds=seconds, _request_timeout=REQUEST_SECONDS
            )
        except ApiException as error:
            if error.status in (400, 404):  # not started yet, or gone
                return ""
            raise TrainingError(_refusal(error)) from error
        return text or ""

    def _delete(self, delete: Callable[..., Any], name: str) -> None:
        try:
            delete(name, self._namespace, grace_period_seconds=GRACE_SECONDS, _request_timeout=REQUEST_SECONDS)
        except ApiException as error:
            if error.status != 404:
                raise TrainingError(_refusal(error)) from error

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except ApiException as error:
            raise TrainingError(_refusal(error)) from error
        except HTTPError as error:
            raise TrainingError(f"Kubernetes API can't be reached: {error}") from error


def _refusal(error: Any) -> str:
    """`pods is forbidden: User ... cannot create ...` in one line."""
    body = " ".join(str(error.body or error.reason).split())
    return f"Kubernetes answered {error.status}: {body[:400]}"


def _why(pod: Any) -> str:
    """Why a pod is not running: its container's end, what it waits for, or why it can't be scheduled."""
    for status in pod.status.container_statuses or []:
        if status.state.terminated:
            ended = status.state.terminated
            return f"{ended.reason} (exit code {ended.exit_code})"
        if status.state.waiting and status.state.waiting.reason != "ContainerCreating":
            return f"{status.state.waiting.reason}: {status.state.waiting.message or ''}"[:200]
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason}: {condition.message}"[:200]
    return str(pod.status.reason or "")
