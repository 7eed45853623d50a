"""The official SDKs of both editions make namespaces, repositories and logins; images are pushed with those logins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_cr20160607.client import Client as PersonalClient
from alibabacloud_cr20181201 import models as enterprise_models
from alibabacloud_cr20181201.client import Client as EnterpriseClient
from alibabacloud_tea_openapi.models import OpenApiRequest
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from benchmarks.in_process_cloud import SimulatedCloud
from tests.unit.sandbox.cloud.cr.conftest import RegistryClient


def call(client: PersonalClient, method: str, path: str, body: Any = None) -> Any:
    """Personal Edition's SDK has methods without bodies, so its common call is used."""
    return client.do_roarequest(
        "Any", "2016-06-07", "HTTP", method, "AK", path, "json", OpenApiRequest(body=body), RuntimeOptions()
    )["body"]


def _request(body: Any) -> Any:
    from alibabacloud_tea_openapi import models

    return models.OpenApiRequest(body=body)


def test_personal_edition_from_a_namespace_to_a_pushed_image(
    served_cloud: SimulatedCloud, personal: PersonalClient
) -> None:
    call(personal, "PUT", "/namespace", {"Namespace": {"Namespace": "models"}})
    wanted = {"RepoNamespace": "models", "RepoName": "trainer", "Summary": "trains", "RepoType": "PRIVATE"}
    call(personal, "PUT", "/repos", {"Repo": wanted})
    repository = call(personal, "GET", "/repos/models/trainer")["data"]["repo"]
    assert repository["repoDomainList"]["vpc"] == "registry-vpc.cn-hangzhou.aliyuncs.com"
    token = call(personal, "GET", "/tokens")["data"]
    registry = RegistryClient(served_cloud, login=(token["tempUserName"], token["authorizationToken"]))
    digest = registry.push_image("models/trainer", "1")
    tags = call(personal, "GET", "/repos/models/trainer/tags")["data"]["tags"]
    assert [(tag["tag"], tag["digest"]) for tag in tags] == [("1", digest.removeprefix("sha256:"))]
    call(personal, "DELETE", "/repos/models/trainer")
    blobs = served_cloud.cloud.context.store.execute("SELECT COUNT(*) FROM registry_blobs")
    assert blobs == [(0,)]
    with pytest.raises(TeaException, match="REPO_NOT_EXIST"):
        call(personal, "GET", "/repos/models/trainer")


def test_a_namespace_with_repositories_stays(personal: PersonalClient) -> None:
    call(personal, "PUT", "/namespace", {"Namespace": {"Namespace": "models"}})
    call(personal, "PUT", "/repos", {"Repo": {"RepoNamespace": "models", "RepoName": "trainer"}})
    with pytest.raises(TeaException, match="NAMESPACE_NOT_EMPTY"):
        call(personal, "DELETE", "/namespace/models")
    call(personal, "POST", "/namespace/models", {"Namespace": {"AutoCreate": False, "DefaultVisibility": "PUBLIC"}})
    namespace = call(personal, "GET", "/namespace/models")["data"]["namespace"]
    assert (namespace["autoCreate"], namespace["defaultVisibility"]) == (False, "PUBLIC")


def buy(served_cloud: SimulatedCloud, name: str) -> str:
    """An instance, as the billing service sells it."""
    service = next(service for service in served_cloud.cloud.services if service.name == "CrEe")
    return str(service.sell({"InstanceName": name, "Region": "cn-hangzhou"}))  # type: ignore[attr-defined]


def test_enterprise_edition_from_an_instance_to_a_pushed_image(
    served_cloud: SimulatedCloud, enterprise: EnterpriseClient
) -> None:
    instance = buy(served_cloud, "business")
    made = enterprise.create_namespace(
        enterprise_models.CreateNamespaceRequest(instance_id=instance, namespace_name="models", auto_create_repo=False)
    ).body
    assert made.is_success
    repository = enterprise.create_repository(
        enterprise_models.CreateRepositoryRequest(
            instance_id=instance,
            repo_namespace_name="models",
            repo_name="trainer",
            repo_type="PRIVATE",
            summary="trains",
            tag_immutability=True,
        )
    ).body
    endpoints = enterprise.list_instance_endpoint(
        enterprise_models.ListInstanceEndpointRequest(instance_id=instance)
    ).body.endpoints
    hosts = {endpoint.endpoint_type: endpoint.domains[0].domain for endpoint in endpoints}
    assert hosts["vpc"] == "business-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
    login = enterprise.get_authorization_token(
        enterprise_models.GetAuthorizationTokenRequest(instance_id=instance)
    ).body
    registry = RegistryClient(served_cloud, hosts["vpc"], (login.temp_username, login.authorization_token))
    registry.push_image("models/trainer", "1")
    tags = enterprise.list_repo_tag(
        enterprise_models.ListRepoTagRequest(instance_id=instance, repo_id=repository.repo_id)
    ).body
    assert [image.tag for image in tags.images] == ["1"]
    other = registry("PUT", "/v2/models/trainer/manifests/1", content=json.dumps({"schemaVersion": 2, "layers": []}))
    assert other.status_code in (400, 409)
    elsewhere = RegistryClient(served_cloud, login=registry.login)
    assert elsewhere("GET", "/v2/models/trainer/manifests/1").status_code == 401


def test_what_does_not_exist_is_told_in_an_answer(enterprise: EnterpriseClient) -> None:
    found = enterprise.get_instance(enterprise_models.GetInstanceRequest(instance_id="cri-none")).body
    assert (found.is_success, found.code) == (False, "INSTANCE_NOT_EXIST")


def test_a_lasting_password_logs_in(served_cloud: SimulatedCloud, enterprise: EnterpriseClient) -> None:
    instance = buy(served_cloud, "business")
    enterprise.reset_login_password(
        enterprise_models.ResetLoginPasswordRequest(instance_id=instance, password="correct-horse")
    )
    account = served_cloud.cloud.context.accounts.account_id
    host = "business-registry.cn-hangzhou.cr.aliyuncs.com"
    assert RegistryClient(served_cloud, host, (account, "correct-horse"))("GET", "/v2/").status_code == 200
    assert RegistryClient(served_cloud, host, (account, "wrong-horse"))("GET", "/v2/").status_code == 401
