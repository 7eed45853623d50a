"""All five businesses against each other, on a real API server: verbs and nodes, and what each fence's absence lets by.

Network, quota, buckets and roles need nodes and a cloud: test_isolation.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from policies import manifests
from sandbox.settings import SandboxSettings
from tests.sandbox.isolation import Fences, Tenant, without

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

BUSINESSES = ("qa", "textgen", "chatbot", "summarization", "dialogue")
FENCES = (
    "Namespace", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "ServiceAccount",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
)  # fmt: skip


@pytest.fixture(scope="module")
def fences(api_server: Any, settings: SandboxSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fences]:
    """An API server with every stack's fences, and a node of each business."""
    folder = tmp_path_factory.mktemp("fences")
    (folder / "kubeconfig").write_text(api_server.kubeconfig)
    tenants = [Tenant(name, "cn-hangzhou", name, "", {}, "", "") for name in BUSINESSES]
    found = Fences(settings, folder / "kubeconfig", "", tenants)
    written = [item for path in manifests.write(folder) for item in yaml.safe_load_all(path.read_text("utf-8"))]
    unique = {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): item for item in written}
    wanted = sorted((item for item in unique.values() if item["kind"] in FENCES), key=lambda i: FENCES.index(i["kind"]))
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"node-of-{name}", "labels": {"language-models/business": name}},
        }
        for name in BUSINESSES
    ]
    content = {"apiVersion": "v1", "kind": "List", "items": [*wanted, *nodes]}
    found.done("apply", "--server-side", "-f", "-", content=content)
    yield found
    found.close()


def test_no_service_account_may_do_anything_in_another_businesss_namespace(fences: Fences) -> None:
    assert len(fences.pairs()) == 20
    assert fences.verbs() == []


def test_no_pod_of_a_business_gets_onto_anothers_nodes(fences: Fences) -> None:
    fences.await_rule_on_nodes()
    assert fences.nodes() == []


def test_a_pod_on_its_own_nodes_is_taken(fences: Fences) -> None:
    for tenant in fences.tenants:
        assert fences.accepts_on_own_nodes(tenant)


def test_a_binding_too_many_is_found(fences: Fences) -> None:
    one, other = fences.pairs()[0]
    grant = ("--clusterrole", "cluster-admin", "--serviceaccount", f"{one.namespace}:training")
    fences.done("create", "rolebinding", "too-many", "--namespace", other.namespace, *grant)
    try:
        assert any(leak.startswith(f"system:serviceaccount:{one.namespace}:training may") for leak in fences.verbs())
    finally:
        fences.done("delete", "--namespace", other.namespace, "rolebinding", "too-many")
    assert fences.verbs() == []


def test_without_the_admission_rule_a_pod_gets_onto_anothers_nodes(fences: Fences) -> None:
    with without(fences, "validatingadmissionpolicybinding", "business-pods-stay-on-own-nodes"):
        fences.await_leak(fences.nodes)
    fences.await_rule_on_nodes()
    assert fences.nodes() == []
