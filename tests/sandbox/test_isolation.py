"""No business reaches another, in either region: network, API verbs, quota, buckets and roles, nodes, names.

Two businesses by default; ISOLATION=all tries all five, each against each. Each fence is then taken away, one by one,
to see the same attempt succeed. What one business is by itself is shown by test_one_business.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from sandbox import deployment, lifecycle
from sandbox.engine import Engine
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings
from tests.sandbox import isolation_in_cloud
from tests.sandbox.cloud_calls import Caller
from tests.sandbox.cluster import wait_for
from tests.sandbox.isolation import Fences, Tenant, without

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1200)]

REGIONS = ("cn-hangzhou", "cn-beijing")
CHOSEN = os.environ.get("ISOLATION", "qa textgen")
BUSINESSES = deployment.chosen_businesses("all") if CHOSEN == "all" else CHOSEN.split()
AT_ONCE = 2
ATTEMPTS: dict[str, Callable[[Fences], list[str]]] = {
    "verbs": Fences.verbs,
    "nodes": Fences.nodes,
    "quotas": Fences.quotas,
    "network": Fences.network,
    "roles": isolation_in_cloud.roles,
    "buckets": isolation_in_cloud.buckets,
    "names": isolation_in_cloud.names,
}
OPEN_POLICY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}


@pytest.fixture(scope="module")
def regions(empty_sandbox: SandboxSettings, progress: Progress) -> Iterator[dict[str, Fences]]:
    """The platform and the businesses, brought up by the real engine, with a server of each running in each region."""
    lifecycle.start(empty_sandbox, progress)
    engine = Engine(empty_sandbox)
    engine.prepare()
    engine.up("platform")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(engine.up, BUSINESSES))
    platform = engine.outputs("platform")["regions"]
    outputs = {business: engine.outputs(business)["regions"] for business in BUSINESSES}
    found = {}
    for region in REGIONS:
        tenants = [tenant(business, region, outputs[business][region]) for business in BUSINESSES]
        kubeconfig = deployment.kubeconfig_file(empty_sandbox, region)
        found[region] = Fences(empty_sandbox, kubeconfig, platform[region]["identity_provider"], tenants)
        for one in tenants:
            wait_for(f"a server of {one.business}", lambda one=one, region=region: serves(found[region], one), 180)
    yield found
    for fences in found.values():
        fences.close()


def tenant(business: str, region: str, places: dict[str, Any]) -> Tenant:
    return Tenant(
        business=business,
        region=region,
        namespace=places["namespace"],
        role=places["role"],
        buckets=places["buckets"],
        address=places["entry_address"],
        dns_name=places["dns_name"],
    )


def serves(fences: Fences, one: Tenant) -> bool:
    """Whether a server's process listens; it is not ready before there is a model."""
    code = "import socket; socket.create_connection(('127.0.0.1', 8080), 2)"
    command = ("exec", "--namespace", one.namespace, "deployment/serving", "--", "python3", "-c", code)
    return fences.kubectl(*command).returncode == 0


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_business_reaches_another(regions: dict[str, Fences], region: str, attempt: str) -> None:
    fences = regions[region]
    assert len(fences.pairs()) == len(BUSINESSES) * (len(BUSINESSES) - 1) >= 2
    assert ATTEMPTS[attempt](fences) == []


@pytest.fixture
def fences(regions: dict[str, Fences]) -> Fences:
    return regions[REGIONS[0]]


def test_without_network_policies_the_same_attempt_reaches_the_others_pods(fences: Fences) -> None:
    with opened(fences):
        wait_for("a leak", fences.network, 30)
    wait_for("no leak", lambda: fences.network() == [], 30)


@contextmanager
def opened(fences: Fences) -> Iterator[None]:
    """Policies that let everything through, in every business's namespace."""
    policies = [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "open", "namespace": tenant.namespace},
            "spec": OPEN_POLICY,
        }
        for tenant in fences.tenants
    ]
    content = {"apiVersion": "v1", "kind": "List", "items": policies}
    fences.done("apply", "-f", "-", content=content)
    try:
        yield
    finally:
        fences.done("delete", "-f", "-", content=content)


def test_with_a_binding_too_many_the_same_attempt_finds_the_verbs(fences: Fences) -> None:
    one, other = fences.pairs()[0]
    names = ("rolebinding", "too-many", "--namespace", other.namespace)
    subject = f"{one.namespace}:training"
    fences.done(
        "create",
        "rolebinding",
        "too-many",
        "--namespace",
        other.namespace,
        "--clusterrole",
        "cluster-admin",
        "--serviceaccount",
        subject,
    )
    try:
        assert any(f"{subject} may" in leak for leak in fences.verbs())
    finally:
        fences.done("delete", *names)
    assert fences.verbs() == []


def test_without_the_admission_rule_the_same_pod_gets_onto_the_others_nodes(fences: Fences) -> None:
    with without(fences, "validatingadmissionpolicybinding", "business-pods-stay-on-own-nodes"):
        wait_for("a leak", fences.nodes, 30)
    wait_for("no leak", lambda: fences.nodes() == [], 30)


def test_without_its_quota_a_business_may_take_the_whole_cluster(fences: Fences) -> None:
    tenant = fences.tenants[0]
    with without(fences, "resourcequota", "business", "--namespace", tenant.namespace):
        wait_for("a leak", fences.quotas, 30)
    wait_for("no leak", lambda: fences.quotas() == [], 30)


@pytest.fixture
def account(settings: SandboxSettings) -> Caller:
    """Who may change the fences."""
    return Caller(settings)


@pytest.mark.parametrize(
    ("policy", "attempt"),
    [("AliyunOSSFullAccess", isolation_in_cloud.buckets), ("AliyunDNSFullAccess", isolation_in_cloud.names)],
)
def test_with_a_policy_too_many_the_same_keys_open_what_is_the_others(
    fences: Fences, account: Caller, policy: str, attempt: Callable[[Fences], list[str]]
) -> None:
    one, other = fences.pairs()[0]
    attachment = {"RoleName": one.role_name, "PolicyName": policy, "PolicyType": "System"}
    account.call("ram", "AttachPolicyToRole", **attachment)
    try:
        leaks = attempt(fences)
    finally:
        account.call("ram", "DetachPolicyFromRole", **attachment)
    assert any(leak.startswith(f"{one.business} ") and other.business in leak for leak in leaks), leaks
    assert all(leak.startswith(f"{one.business} ") for leak in leaks), leaks
    assert attempt(fences) == []


def test_without_a_subject_in_its_trust_a_role_is_anybodys(fences: Fences, account: Caller) -> None:
    one, other = fences.pairs()[0]
    role = account.call("ram", "GetRole", RoleName=other.role_name)["Role"]
    trust = json.loads(role["AssumeRolePolicyDocument"])
    del trust["Statement"][0]["Condition"]["StringEquals"]["oidc:sub"]

    def trusting(document: str) -> None:
        account.call("ram", "UpdateRole", RoleName=other.role_name, NewAssumeRolePolicyDocument=document)

    trusting(json.dumps(trust))
    try:
        leaks = isolation_in_cloud.roles(fences)
    finally:
        trusting(role["AssumeRolePolicyDocument"])
    assert f"{one.business} becomes {other.role}" in leaks
    assert isolation_in_cloud.roles(fences) == []


def test_with_an_address_too_many_a_name_leads_to_another_business(fences: Fences, account: Caller) -> None:
    one, other = fences.pairs()[0]
    name, _, zone = other.dns_name.partition(".")
    record = {"DomainName": zone, "RR": name, "Type": "A", "Value": one.address}
    made = account.call("alidns", "AddDomainRecord", **record, TTL="600")
    try:
        assert f"{other.dns_name} leads to {one.business}" in isolation_in_cloud.names(fences)
    finally:
        account.call("alidns", "DeleteDomainRecord", RecordId=made["RecordId"])
    assert isolation_in_cloud.names(fences) == []


# ---- what must be reached


REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 80), 3).close()
except ConnectionRefusedError:
    pass  # reached: before there is a model no server is ready, and the entry says so
"""


@pytest.mark.parametrize(("region", "other"), [REGIONS, REGIONS[::-1]])
def test_traffic_controllers_reach_the_other_regions_entries_and_servers_do_not(
    regions: dict[str, Fences], region: str, other: str
) -> None:
    """Or each would take the other's region for dead, and lead its users away."""
    for one, elsewhere in zip(regions[region].tenants, regions[other].tenants, strict=True):

        def reaches(deployment_name: str, one: Tenant = one, elsewhere: Tenant = elsewhere) -> bool:
            where = ("exec", "--namespace", one.namespace, f"deployment/{deployment_name}", "--")
            return regions[region].kubectl(*where, "python3", "-c", REACH, elsewhere.address).returncode == 0

        # Refusals are told at a limited rate, and the controllers' own probes use it up.
        wait_for("the other region's entry", lambda reaches=reaches: reaches("traffic-controller"), 60)
        assert not any(reaches("serving") for _ in range(3))
