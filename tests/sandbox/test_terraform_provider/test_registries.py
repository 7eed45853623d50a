"""The container registry's resources, of both editions, by the provider."""

from __future__ import annotations

import pytest

from tests.sandbox.test_terraform_provider.provider import Provider

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


def test_personal_edition_lives_and_dies(provider: Provider) -> None:
    namespace = provider.live(
        "alicloud:cr/namespace:Namespace",
        {"name": "language-models", "autoCreate": False, "defaultVisibility": "PRIVATE"},
        {"autoCreate": True, "defaultVisibility": "PUBLIC"},
        {"name": "language-models", "autoCreate": True, "defaultVisibility": "PUBLIC"},
    )
    repository = provider.live(
        "alicloud:cr/repo:Repo",
        {"namespace": "language-models", "name": "trainer", "summary": "trains", "repoType": "PRIVATE"},
        {"summary": "trains models", "detail": "of language", "repoType": "PUBLIC"},
        {"namespace": "language-models", "name": "trainer", "summary": "trains models", "repoType": "PUBLIC"},
    )
    provider.die(repository)
    provider.die(namespace)


def test_enterprise_edition_lives_and_dies(provider: Provider) -> None:
    """The provider itself waits a minute for an instance before it first looks whether it runs."""
    instance = provider.create(
        "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance",
        {
            "instanceName": "businesses",
            "instanceType": "Basic",
            "paymentType": "Subscription",
            "period": 1,
            "renewalStatus": "ManualRenewal",
            "password": "correct-horse-1",
        },
    )
    domains = {
        endpoint["endpointType"]: endpoint["domains"][0]["domain"] for endpoint in instance.state["instanceEndpoints"]
    }
    assert domains["vpc"] == "businesses-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
    found = provider.read(instance.token, instance.identifier)
    assert found is not None
    assert (found["instanceName"], found["instanceType"], found["status"]) == ("businesses", "Basic", "RUNNING")
    namespace = provider.live(
        "alicloud:cs/registryEnterpriseNamespace:RegistryEnterpriseNamespace",
        {"instanceId": instance.identifier, "name": "models", "autoCreate": False, "defaultVisibility": "PRIVATE"},
        {"autoCreate": True, "defaultVisibility": "PUBLIC"},
        {"instanceId": instance.identifier, "name": "models", "autoCreate": True, "defaultVisibility": "PUBLIC"},
    )
    repository = provider.live(
        "alicloud:cs/registryEnterpriseRepo:RegistryEnterpriseRepo",
        {
            "instanceId": instance.identifier,
            "namespace": "models",
            "name": "trainer",
            "summary": "trains",
            "repoType": "PRIVATE",
        },
        {"summary": "trains models", "detail": "of language", "repoType": "PUBLIC"},
        {"instanceId": instance.identifier, "namespace": "models", "name": "trainer", "summary": "trains models"},
    )
    for resource in (repository, namespace, instance):
        provider.die(resource)
