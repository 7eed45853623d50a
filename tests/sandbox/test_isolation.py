"""No business reaches another, in either region: network, API verbs, quota, buckets and roles, nodes, names.

Two businesses by default; ISOLATION=all tries all five, each against each. Each fence is then taken away, one by one,
to see the same attempt succeed. At last one business is broken, while users of all of them ask on. What one business is
by itself is shown by test_one_business.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from sandbox import deployment, lifecycle
from sandbox.commands.pod_fault import region_of
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.region.node_faults import stop_region
from sandbox.settings import SandboxSettings
from tests.sandbox import isolation_in_cloud
from tests.sandbox.cloud_calls import Caller
from tests.sandbox.cluster import wait_for
from tests.sandbox.isolation import Fences, Tenant, tenant, without
from tests.sandbox.project import Project
from tests.sandbox.users import Crowd

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
BROKEN = "qa"
LED_ELSEWHERE_SECONDS = 60.0
"""Users of a lost region: 20 s is the goal, on a machine that does nothing else (benchmarks.region_loss)."""
GIVE_MODELS = """
import sys
from tests.unit.trainer.models import promote
from trainer.storage.object_store import open_store
for bucket, region in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    promote(open_store(f"oss://{bucket}", region), "v1")
"""
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
            wait_for(f"a server of {one.business}", lambda one=one, region=region: found[region].serves(one), 180)
    yield found
    for fences in found.values():
        fences.close()


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


REACH = "import socket, sys; socket.create_connection((sys.argv[1], 80), 3).close()"


@pytest.mark.parametrize(("region", "other"), [REGIONS, REGIONS[::-1]])
@pytest.mark.usefixtures("crowd")
def test_traffic_controllers_reach_the_other_regions_entries_and_servers_do_not(
    regions: dict[str, Fences], region: str, other: str
) -> None:
    """Or each would take the other's region for dead, and lead its users away.

    Asked where servers are ready: without one an entry refuses, which is told at a limited rate that the controllers'
    own probes use up.
    """
    for one, elsewhere in zip(regions[region].tenants, regions[other].tenants, strict=True):

        def reaches(deployment_name: str, one: Tenant = one, elsewhere: Tenant = elsewhere) -> bool:
            where = ("exec", "--namespace", one.namespace, f"deployment/{deployment_name}", "--")
            return regions[region].kubectl(*where, "python3", "-c", REACH, elsewhere.address).returncode == 0

        wait_for("the other region's entry", lambda reaches=reaches: reaches("traffic-controller"), 60)
        assert not any(reaches("serving") for _ in range(3))


# ---- what may break


@pytest.fixture(scope="module")
def project(settings: SandboxSettings, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(settings, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def crowd(regions: dict[str, Fences], settings: SandboxSettings) -> Iterator[Crowd]:
    """A user of each business, answered by a small model, which replication carries to the other region."""
    tenants = regions[REGIONS[0]].tenants
    places = [text for one in tenants for text in (one.buckets["models"], one.region)]
    command = [REPOSITORY / ".venv-trainer" / "bin" / "python", "-c", GIVE_MODELS, *places]
    subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment(settings)}, check=True, timeout=120)
    for fences in regions.values():
        for one in tenants:
            rollout = ("rollout", "status", "deployment/serving", "--namespace", one.namespace, "--timeout=1s")
            wait_for(f"ready servers of {one.business}", lambda f=fences, r=rollout: f.kubectl(*r).returncode == 0, 180)
    with Crowd({one.business: one.dns_name for one in tenants}, str(settings.addresses.cloud)) as crowd:
        await_service(crowd, BUSINESSES, 60)
        yield crowd


def await_service(crowd: Crowd, businesses: list[str], seconds: float) -> None:
    for business in businesses:
        wait_for(f"users of {business} are served", lambda one=business: crowd.is_served(one, 3), seconds)


OTHERS = [business for business in BUSINESSES if business != BROKEN]


def test_a_wrong_stack_file_is_refused_with_its_line_and_the_others_preview_and_serve_as_before(
    crowd: Crowd, project: Project
) -> None:
    begun = time.monotonic()
    with project.misspelt(BROKEN, "gpu", "gpus") as line:
        refused = project.pulumi("preview", "--stack", BROKEN)
        assert project.changed(OTHERS) == []
    assert refused.returncode != 0
    assert "Traceback" not in refused.stdout + refused.stderr
    assert f"stacks/Pulumi.{BROKEN}.yaml:{line}:7: quota.gpus = " in refused.stdout + refused.stderr
    assert crowd.failures(BUSINESSES, begun) == []


def test_a_deleted_namespace_is_felt_by_no_other_business_and_one_up_brings_it_back(
    crowd: Crowd, project: Project, regions: dict[str, Fences]
) -> None:
    begun = time.monotonic()
    for fences in regions.values():
        fences.done("delete", "namespace", BROKEN, "--wait=false")
    wait_for(f"no answer of {BROKEN}", lambda: crowd.last_failure([BROKEN], begun) > 0, 60)
    assert project.changed(OTHERS) == []
    for fences in regions.values():
        fences.done("wait", "--for=delete", f"namespace/{BROKEN}", "--timeout=120s")
    done = project.pulumi("up", "--refresh", "--yes", "--skip-preview", "--stack", BROKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    await_service(crowd, [BROKEN], 180)
    print(f"{BROKEN} was not served for {crowd.last_failure([BROKEN], begun):.1f} s")
    assert crowd.failures(OTHERS, begun) == []


def test_a_stopped_region_leaves_every_business_to_the_other_one_and_its_previews_as_before(
    crowd: Crowd, project: Project, regions: dict[str, Fences], settings: SandboxSettings
) -> None:
    """The last test: the region stays off."""
    lost = {one.business: one.address for one in regions[REGIONS[0]].tenants}
    near = [business for business in BUSINESSES if crowd.address(business) == lost[business]]
    assert BROKEN in near
    begun = time.monotonic()
    stop_region(region_of(settings, REGIONS[0]))
    for business in near:
        wait_for(f"{business} in the other region", lambda one=business: crowd.address(one) != lost[one], 120)
    await_service(crowd, BUSINESSES, 60)
    after = crowd.last_failure(near, begun)
    print(f"users of {', '.join(near)} were all led to the other region after {after:.1f} s")
    assert after <= LED_ELSEWHERE_SECONDS
    elsewhere = [business for business in BUSINESSES if business not in near]
    assert crowd.failures(elsewhere, begun) == []
    led = time.monotonic()
    assert project.changed(BUSINESSES) == []
    assert crowd.failures(BUSINESSES, led) == []
