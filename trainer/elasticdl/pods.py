"""What the job's master does to single pods: makes one as often as it takes, announces an end, deletes, watches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from elasticdl.python.common import k8s_client
from kubernetes.client import V1DeleteOptions
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import SharedInformer
from urllib3.exceptions import HTTPError

from trainer.elasticdl.cluster import REMOVAL_ANNOTATION

LOG = logging.getLogger("trainer.pods")
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits between attempts to make a pod; the last one again and again."""
REQUEST_SECONDS = 5.0
"""What the master's loop waits for an answer; it tries again in its next round."""


def _always() -> bool:
    return True


def persist(what: str, make: Callable[[], None], still_wanted: Callable[[], bool] = _always) -> None:
    """Make a pod in the background, as often as it takes, while it is wanted."""

    def attempt() -> None:
        for number in range(10_000):
            if not still_wanted():
                return
            try:
                make()
                return
            except ApiException as error:
                if error.status == 409:  # it is there: an earlier attempt made it and lost the answer
                    return
                reason = str(error.reason)
            except HTTPError as error:
                reason = str(error)
            wait = RETRY_SECONDS[min(number, len(RETRY_SECONDS) - 1)]
            LOG.warning("%s could not be made: %s; trying again in %.1f s", what, reason, wait)
            time.sleep(wait)

    threading.Thread(target=attempt, name=what, daemon=True).start()


def announce(client: Any, name: str) -> bool:
    """Write on a pod that it is removed on purpose, so that nobody takes its end for a fault. False: not now."""
    body = {"metadata": {"annotations": {REMOVAL_ANNOTATION: "master"}}}
    return _done(
        f"{name} is to leave, but can't be told so",
        lambda: client.client.patch_namespaced_pod(name, client.namespace, body, _request_timeout=REQUEST_SECONDS),
    )


def delete(client: Any, name: str) -> bool:
    """Delete a pod at once. False: not now."""
    options = V1DeleteOptions(grace_period_seconds=0)
    return _done(
        f"{name} can't be deleted",
        lambda: client.client.delete_namespaced_pod(
            name, client.namespace, body=options, _request_timeout=REQUEST_SECONDS
        ),
    )


def _done(complaint: str, call: Callable[[], Any]) -> bool:
    """Whether it was done, or there is no such pod."""
    try:
        call()
    except ApiException as error:
        if error.status != 404:
            LOG.warning("%s: %s", complaint, error.reason)
            return False
    except HTTPError as error:
        LOG.warning("%s: %s", complaint, error)
        return False
    return True


def watch(self: Any) -> None:
    """For ElasticDL's Kubernetes client: an informer, which notices also what was deleted while it reconnected."""
    informer = SharedInformer(
        self.client.list_namespaced_pod,
        namespace=self.namespace,
        label_selector=f"{k8s_client.ELASTICDL_JOB_KEY}={self.job_name}",
    )

    def hand_on(kind: str) -> Callable[[Any], None]:
        return lambda pod: self._event_cb({"type": kind, "object": pod})

    for kind in ("ADDED", "MODIFIED", "DELETED"):
        informer.add_event_handler(kind, hand_on(kind))
    informer.start()


def create_ps_service(self: Any, ps_id: int) -> None:
    """A parameter server's Service lives as long as the master: its replacement has the same address."""
    try:
        self._create_service(
            name=self.get_ps_service_name(ps_id),
            port=k8s_client._PS_SERVICE_PORT,
            target_port=k8s_client._PS_SERVICE_PORT,
            replica_type="ps",
            replica_index=ps_id,
            owner=self.get_master_pod(),
        )
    except ApiException as error:
        if error.status != 409:
            raise
