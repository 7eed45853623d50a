"""The webhook gives pods their role as ACK's does, and never changes what a pod brought along."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.cloud.core.kubernetes import KubernetesError
from sandbox.cloud.identity_webhook.model import session_name, webhook_configuration

MOUNT = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens"


@dataclass
class FakeServiceAccounts:
    """Service accounts by namespace and name."""

    found: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    failure: KubernetesError | None = None

    def service_account(self, cluster: Any, namespace: str, name: str) -> Mapping[str, Any] | None:
        if self.failure is not None:
            raise self.failure
        return self.found.get((namespace, name))


@pytest.fixture
def accounts(world: Any) -> FakeServiceAccounts:
    fake = FakeServiceAccounts()
    annotations = {"pod-identity.alibabacloud.com/role-name": "Trainer"}
    fake.found[("qa", "trainer")] = {"metadata": {"name": "trainer", "annotations": annotations}}
    fake.found[("qa", "default")] = {"metadata": {"name": "default"}}
    world.cloud.webhook.accounts = fake
    return fake


def review(world: Any, pod: dict[str, Any], cluster: str = "") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    identifier = cluster or world.cluster(enable_rrsa=True)[0]
    request = {"uid": "u1", "namespace": "qa", "object": pod}
    body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
    response = world.cloud.webhook.review(identifier, body.encode())["response"]
    return response, json.loads(base64.b64decode(response.get("patch", "W10=")))


def apply(pod: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """The pod after the patch; the webhook's patches only add."""
    result = json.loads(json.dumps(pod))
    for operation in patch:
        assert operation["op"] == "add"
        parent: Any = result
        *path, last = operation["path"].strip("/").split("/")
        for part in path:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        if last == "-":
            parent.append(operation["value"])
        else:
            assert last not in parent or not parent[last]
            parent[last] = operation["value"]
    return dict(result)


def pod(**specification: Any) -> dict[str, Any]:
    return {"spec": {"serviceAccountName": "trainer", "containers": [{"name": "main"}], **specification}}


def test_containers_get_variables_and_token(world: Any, accounts: FakeServiceAccounts) -> None:
    cluster, _ = world.cluster(enable_rrsa=True)
    response, patch = review(world, pod(initContainers=[{"name": "first"}]), cluster)
    assert (response["uid"], response["allowed"]) == ("u1", True)
    result = apply(pod(initContainers=[{"name": "first"}]), patch)["spec"]
    account = world.cloud.context.accounts.account_id
    for container in (result["initContainers"][0], result["containers"][0]):
        assert {item["name"]: item["value"] for item in container["env"]} == {
            "ALIBABA_CLOUD_ROLE_ARN": f"acs:ram::{account}:role/trainer",
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": f"acs:ram::{account}:oidc-provider/ack-rrsa-{cluster}",
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE": f"{MOUNT}/token",
            "ALIBABA_CLOUD_ROLE_SESSION_NAME": "qa.trainer",
        }
        assert container["volumeMounts"] == [{"name": "rrsa-oidc-token", "mountPath": MOUNT, "readOnly": True}]
    (volume,) = result["volumes"]
    token = volume["projected"]["sources"][0]["serviceAccountToken"]
    assert token == {"audience": "sts.aliyuncs.com", "expirationSeconds": 3600, "path": "token"}


def test_what_a_pod_brings_is_kept(world: Any, accounts: FakeServiceAccounts) -> None:
    brought = pod(
        containers=[
            {
                "name": "main",
                "env": [{"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "mine"}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }
        ],
        volumes=[{"name": "v"}],
    )
    _, patch = review(world, brought)
    result = apply(brought, patch)["spec"]
    variables = {item["name"]: item["value"] for item in result["containers"][0]["env"]}
    assert variables["ALIBABA_CLOUD_ROLE_ARN"] == "mine"
    assert [mount["name"] for mount in result["containers"][0]["volumeMounts"]] == ["v", "rrsa-oidc-token"]
    assert [volume["name"] for volume in result["volumes"]] == ["v", "rrsa-oidc-token"]


def test_a_second_look_changes_nothing(world: Any, accounts: FakeServiceAccounts) -> None:
    cluster, _ = world.cluster(enable_rrsa=True)
    _, patch = review(world, pod(), cluster)
    _, again = review(world, apply(pod(), patch), cluster)
    assert again == []


@pytest.mark.parametrize("name", ["default", "unknown"])
def test_a_service_account_without_a_role_changes_nothing(world: Any, accounts: FakeServiceAccounts, name: str) -> None:
    response, patch = review(world, pod(serviceAccountName=name))
    assert (response["allowed"], patch) == (True, [])


def test_containers_can_be_skipped(world: Any, accounts: FakeServiceAccounts) -> None:
    annotated = pod(containers=[{"name": "main"}, {"name": "side"}])
    annotated["metadata"] = {"annotations": {"pod-identity.alibabacloud.com/skip-containers": "side"}}
    _, patch = review(world, annotated)
    result = apply(annotated, patch)["spec"]
    assert "env" in result["containers"][0]
    assert "env" not in result["containers"][1]


@pytest.mark.parametrize(("given", "seconds"), [("7200", 7200), ("1", 600), ("999999", 43200), ("soon", 3600)])
def test_the_tokens_life_is_kept_within_limits(
    world: Any, accounts: FakeServiceAccounts, given: str, seconds: int
) -> None:
    annotated = pod()
    name = "pod-identity.alibabacloud.com/service-account-token-expiration"
    annotated["metadata"] = {"annotations": {name: given}}
    _, patch = review(world, annotated)
    volume = apply(annotated, patch)["spec"]["volumes"][0]
    assert volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == seconds


def test_a_pod_is_refused_with_the_reason_when_its_account_cannot_be_read(
    world: Any, accounts: FakeServiceAccounts
) -> None:
    accounts.failure = KubernetesError("the API server did not answer")
    response, _ = review(world, pod())
    assert response["allowed"] is False
    assert "the API server did not answer" in response["status"]["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"request": {"uid": "u"}}', b"\xff"])
def test_malformed_reviews_are_refused(world: Any, accounts: FakeServiceAccounts, body: bytes) -> None:
    cluster, _ = world.cluster()
    assert world.cloud.webhook.review(cluster, body)["response"]["allowed"] is False


def test_a_session_name_fits_what_sts_takes() -> None:
    long = session_name("n" * 63, "s" * 63)
    assert len(long) == 64
    assert long != session_name("n" * 63, "s" * 62 + "t")


def test_only_labelled_namespaces_ask_the_webhook() -> None:
    (webhook,) = webhook_configuration("https://172.30.0.1/x", "QUJD")["webhooks"]
    assert webhook["namespaceSelector"] == {"matchLabels": {"pod-identity.alibabacloud.com/injection": "on"}}
    assert webhook["clientConfig"] == {"url": "https://172.30.0.1/x", "caBundle": "QUJD"}
