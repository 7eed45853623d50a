"""The provider's own inputs: kubeconfigs good and bad, and what counts as another cluster."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.pulumi.kubernetes import configuration
from sandbox.pulumi.kubernetes.errors import ProviderError
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret


def kubeconfig(server: str = "https://a:6443", token: str = "t", **user: Any) -> str:  # noqa: S107 - no secret
    return yaml.safe_dump(
        {
            "current-context": "one",
            "contexts": [
                {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "n"}},
                {"name": "two", "context": {"cluster": "d", "user": "u"}},
            ],
            "clusters": [
                {"name": "c", "cluster": {"server": server}},
                {"name": "d", "cluster": {"server": "https://d:6443"}},
            ],
            "users": [{"name": "u", "user": {"token": token, **user}}],
        }
    )


def test_the_current_context_gives_server_user_and_namespace() -> None:
    inputs = {"kubeconfig": Secret(kubeconfig())}
    chosen = configuration.credentials(inputs)
    assert (chosen.server, chosen.token, chosen.namespace) == ("https://a:6443", "t", "n")
    assert configuration.behaviour(inputs, chosen).namespace == "n"
    assert configuration.credentials({**inputs, "context": "two"}).server == "https://d:6443"


def test_a_kubeconfig_may_be_a_path_and_its_certificates_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    content = yaml.safe_load(kubeconfig())
    content["clusters"][0]["cluster"]["certificate-authority"] = str(tmp_path / "ca.pem")
    (tmp_path / "config").write_text(yaml.safe_dump(content))
    assert configuration.credentials({"kubeconfig": str(tmp_path / "config")}).authority == "PEM"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"kubeconfig": "/no/such/file"}, "neither the content of a kubeconfig nor a file"),
        ({"kubeconfig": "a: [\nb"}, "not YAML"),
        ({"kubeconfig": "a: 1\nb: 2"}, "has no `clusters`"),
        ({"kubeconfig": kubeconfig(), "context": "three"}, "no context 'three'; it has one, two"),
        ({"kubeconfig": kubeconfig(), "cluster": "e"}, "no cluster 'e'; it has c, d"),
        ({"kubeconfig": kubeconfig(exec={"command": "login"})}, "another program"),
        ({"kubeconfig": kubeconfig(**{"client-key-data": "%"})}, "client-key-data is not base64"),
    ],
)
def test_a_bad_kubeconfig_says_what_is_wrong_with_it(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        configuration.credentials(inputs)
    assert [name for name, _ in configuration.problems(inputs)] == ["kubeconfig"]


def test_a_kubeconfig_that_is_not_known_yet_is_not_judged() -> None:
    assert configuration.problems({"kubeconfig": UNKNOWN}) == []


def test_options_of_the_official_provider_that_mean_something_else_here_are_refused() -> None:
    found = configuration.problems({"renderYamlToDirectory": "x", "enableServerSideApply": "false"})
    assert [name for name, _ in found] == ["renderYamlToDirectory", "enableServerSideApply"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, ([], [])),
        ({"namespace": "a"}, {"namespace": "b"}, (["namespace"], [])),
        ({"kubeconfig": kubeconfig(token="a")}, {"kubeconfig": Secret(kubeconfig(token="b"))}, ([], [])),
        (
            {"kubeconfig": kubeconfig("https://a")},
            {"kubeconfig": kubeconfig("https://b")},
            (["kubeconfig"], ["kubeconfig"]),
        ),
        ({"kubeconfig": kubeconfig()}, {"kubeconfig": kubeconfig(), "context": "two"}, (["context"], ["context"])),
        ({"kubeconfig": kubeconfig()}, {"kubeconfig": UNKNOWN}, (["kubeconfig"], [])),
        (
            {"kubeconfig": kubeconfig("https://a"), "clusterIdentifier": "x"},
            {"kubeconfig": kubeconfig("https://b"), "clusterIdentifier": "x"},
            (["kubeconfig"], []),
        ),
        ({"clusterIdentifier": "x"}, {"clusterIdentifier": "y"}, (["clusterIdentifier"], ["clusterIdentifier"])),
        ({"clusterIdentifier": "x"}, {"clusterIdentifier": UNKNOWN}, (["clusterIdentifier"], [])),
        ({"version": "1"}, {"version": "2"}, ([], [])),
    ],
)
def test_only_another_cluster_replaces_and_new_credentials_are_no_change(
    old: dict[str, Any], new: dict[str, Any], expected: tuple[list[str], list[str]]
) -> None:
    assert configuration.changed(old, new) == expected


def test_flags_come_as_texts_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
    inputs = {"kubeconfig": kubeconfig(), "deleteUnreachable": "true", "enableSecretMutable": True}
    found = configuration.behaviour(inputs, configuration.credentials(inputs))
    assert found.delete_unreachable
    assert found.mutability.secrets
    assert found.patch_force
    assert not found.upsert


def test_a_client_certificate_is_decoded() -> None:
    data = base64.b64encode(b"CERT").decode()
    chosen = configuration.credentials({"kubeconfig": kubeconfig(**{"client-certificate-data": data})})
    assert chosen.certificate == "CERT"
