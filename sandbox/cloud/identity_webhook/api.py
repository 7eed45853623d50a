"""The webhook's endpoint and its installation in clusters."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sandbox.cloud.core.calls import CallRecord
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.kubernetes import KubernetesClient, KubernetesError
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import RRSA_ADDON, Cluster, Clusters
from sandbox.cloud.identity_webhook.errors import ReviewError
from sandbox.cloud.identity_webhook.model import identity_of, patch_for, webhook_configuration

PATH = "/_sandbox/pod-identity"
CONFIGURATION_PATH = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ack-pod-identity-webhook"


class ServiceAccounts(Protocol):
    """Reads service accounts of clusters."""

    def service_account(self, cluster: Cluster, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, or None; raises KubernetesError."""


@dataclass
class ClusterServiceAccounts:
    """Reads them from the real clusters, through connections that are kept."""

    backends: Callable[[str], ClusterBackend]
    _clients: dict[str, tuple[str, KubernetesClient]] = field(default_factory=dict)

    def service_account(self, cluster: Cluster, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, or None; raises KubernetesError."""
        kubeconfig = self.backends(cluster.region).kubeconfig()
        known = self._clients.get(cluster.identifier)
        if known is None or known[0] != kubeconfig:
            known = (kubeconfig, KubernetesClient(kubeconfig))
            self._clients[cluster.identifier] = known
        return known[1].get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")


@dataclass
class PodIdentityWebhook:
    """Answers admission reviews of all clusters, each at its own path."""

    context: Context
    clusters: Clusters
    accounts: ServiceAccounts
    base_url: str
    authority: Path

    def install(self, cluster: Cluster, backend: ClusterBackend) -> None:
        """Make a cluster ask this webhook when it has RRSA or the addon; otherwise make it stop asking."""
        client = KubernetesClient(backend.kubeconfig())
        try:
            if cluster.rrsa or cluster.has_addon(RRSA_ADDON):
                authority = base64.b64encode(self.authority.read_bytes()).decode()
                url = f"{self.base_url}{PATH}/{cluster.identifier}"
                client.apply(CONFIGURATION_PATH, webhook_configuration(url, authority))
            else:
                client.delete(CONFIGURATION_PATH)
        finally:
            client.close()

    def review(self, cluster_id: str, body: bytes) -> dict[str, Any]:
        """The answer to an AdmissionReview; what cannot be decided is refused with the reason."""
        uid, code, message, patch = "", 200, "", []
        try:
            request = json.loads(body)["request"]
            uid = str(request["uid"])
            patch = self._patch(cluster_id, request)
        except ReviewError as error:
            code, message = 404, str(error)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            code, message = 400, f"this is no AdmissionReview of a pod: {error!r}"
        except KubernetesError as error:
            code, message = 500, f"the sandbox's identity webhook cannot read the service account: {error}"
        self._log(cluster_id, code, message)
        response: dict[str, Any] = {"uid": uid, "allowed": code == 200}
        if code != 200:
            response["status"] = {"code": code, "message": message}
        elif patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def _patch(self, cluster_id: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        cluster = self.clusters.clusters.get(cluster_id)
        if cluster is None:
            raise ReviewError(f"there is no cluster {cluster_id}")
        pod, namespace = request["object"], str(request["namespace"])
        name = str((pod.get("spec") or {}).get("serviceAccountName") or "default")
        service_account = self.accounts.service_account(cluster, namespace, name)
        if service_account is None:
            return []
        account_id = self.context.accounts.account_id
        provider = f"acs:ram::{account_id}:oidc-provider/{cluster.oidc_provider_name}"
        identity = identity_of(pod, service_account, namespace, account_id, provider)
        return [] if identity is None else patch_for(pod, identity)

    def _log(self, cluster_id: str, code: int, message: str) -> None:
        cluster = self.clusters.clusters.get(cluster_id)
        self.context.log.record(
            CallRecord(
                time=iso(self.context.clock.now()),
                service="PodIdentityWebhook",
                action="Review",
                region=cluster.region if cluster is not None else "",
                status=code,
                code="" if code == 200 else "ReviewFailed",
                milliseconds=0.0,
                ignored=(),
                principal=cluster_id,
                request_id="",
                message=message,
            )
        )
