"""What keeps a business to itself, and others out: nodes, quota, namespace, network, roles.

Not covered here: whether providers and clouds accept what is registered; that is what tests/sandbox/ does for real.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from infra.program import deploy
from infra.settings.nodes import ServingNodes
from tests.unit.infra.stacks import BEIJING, HANGZHOU, qa_but, settings

TAINT = {"key": "language-models/business", "value": "qa", "effect": "NoSchedule"}


# ---- nodes


def test_the_node_pools_are_labelled_and_tainted_for_their_business(qa: object) -> None:
    pools = {item.inputs["nodePoolName"]: item.inputs for item in qa.of(":NodePool") if item.custom}
    assert pools.keys() == {"qa-training", "qa-serving"}
    for name, pool in pools.items():
        assert pool["taints"] == [TAINT]
        assert {label["key"]: label["value"] for label in pool["labels"]} == {
            "language-models/business": "qa",
            "language-models/pool": name.removeprefix("qa-"),
        }


def test_training_nodes_start_from_zero_and_are_spot_machines_above_their_base(qa: object) -> None:
    pool = qa.one(":NodePool", "-training-nodes").inputs
    assert pool["scalingConfig"] == {"enable": True, "type": "gpu", "minSize": 0, "maxSize": 4}
    assert (pool["spotStrategy"], pool["onDemandBaseCapacity"]) == ("SpotAsPriceGo", "1")


def test_under_an_autoscaler_the_number_of_nodes_is_neither_sent_nor_compared(qa: object) -> None:
    for pool in (qa.one(":NodePool", "-training-nodes"), qa.one(":NodePool", "-serving-nodes")):
        assert "desiredSize" not in pool.inputs
        assert pool.ignore_changes == ("desiredSize",)


def test_a_fixed_number_of_nodes_is_sent_and_compared(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    changed = business.regions[0].model_copy(update={"serving_nodes": ServingNodes(count=2)})
    pool = run_program(lambda: deploy(qa_but(regions=(changed,)))).one(":NodePool", "-serving-nodes")
    assert pool.inputs["desiredSize"] == "2"
    assert "scalingConfig" not in pool.inputs
    assert pool.ignore_changes == ()


def test_workers_go_to_the_gpu_nodes_and_what_waits_for_them_does_not(qa: object, region: str) -> None:
    pod = qa.one(":Deployment", "-launcher").inputs["spec"]["template"]["spec"]
    job = json.loads(qa.one(":ConfigMap", f"{region}-settings").inputs["data"]["training.json"])["cluster"]
    for pool, selector, tolerations in (
        ("serving", pod["nodeSelector"], pod["tolerations"]),
        ("training", job["node_selector"], job["tolerations"]),
    ):
        assert selector == {TAINT["key"]: TAINT["value"], "language-models/pool": pool}
        assert tolerations == [{**TAINT, "operator": "Equal"}]
    assert pod["priorityClassName"] == job["priority_class"] == "language-models-training"


# ---- fences


def test_the_quota_fences_what_a_business_can_starve_others_of(qa: object) -> None:
    hard = qa.one(":ResourceQuota").inputs["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "3"
    assert hard.keys() >= {
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "pods",
        "persistentvolumeclaims",
        "services.loadbalancers",
        "services.nodeports",
    }


def test_a_container_without_requests_gets_some_or_the_quota_would_refuse_it(qa: object) -> None:
    (limit,) = qa.one(":LimitRange").inputs["spec"]["limits"]
    assert limit["defaultRequest"] == {"cpu": "0.1", "memory": "256Mi"}


def test_the_namespace_lets_only_pods_without_privileges_in_and_injects_identities(qa: object) -> None:
    labels = qa.one(":Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-identity.alibabacloud.com/injection"] == "on"


def test_all_traffic_is_shut_but_named_openings(qa: object) -> None:
    policies = {item.inputs["metadata"]["name"]: item.inputs["spec"] for item in qa.of(":NetworkPolicy")}
    assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policies.pop("allow-metrics")
    (users,) = policies.pop("allow-users")["ingress"]
    assert users["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert len(users["from"][0]["ipBlock"]["except"]) == 3, "other businesses' pods come in by the load balancer"
    # Who looks at the entries as users do goes out to anywhere; test_keeping.py says who that is, and on which ports.
    for name in ("allow-traffic-controller", "allow-lease-of-launcher", "allow-lease-of-master"):
        policies.pop(name)
    assert sorted(policies) == ["allow-api-server", "allow-cloud-services", "allow-dns", "allow-within-namespace"]
    for name, spec in policies.items():
        for direction in ("ingress", "egress"):
            for opening in spec.get(direction, []):
                assert opening, f"{name} opens everything"
                assert "0.0.0.0/0" not in json.dumps(opening), name


def test_no_opening_reaches_other_businesses_pods(qa: object, region: str) -> None:
    platform = settings("qa").platform
    (network,) = [item.network for item in platform.regions if item.name == region]
    pods = [str(switch.pod_addresses) for switch in network.switches]
    blocks = [
        peer["ipBlock"]
        for item in qa.of(":NetworkPolicy")
        for opening in item.inputs["spec"].get("egress", [])
        for peer in opening["to"]
        if "ipBlock" in peer
    ]
    assert [block["except"] for block in blocks if block["cidr"] == "172.16.0.0/12"] == [pods] * 3


def test_training_may_touch_pods_and_services_of_its_namespace_and_nothing_else(qa: object) -> None:
    assert qa.of(":ClusterRole") == []
    rules = qa.one(":Role", "-training-access").inputs["rules"]
    assert {resource for rule in rules for resource in rule["resources"]} == {"pods", "pods/log", "services"}
    assert "*" not in json.dumps(rules)
    binding = qa.one(":RoleBinding", "-training-access").inputs
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "training", "namespace": "qa"}]


def test_only_the_training_service_account_of_this_cluster_becomes_the_role(qa: object, region: str) -> None:
    role = qa.one("ram/role:Role", "-training-role").inputs
    (statement,) = json.loads(role["assumeRolePolicyDocument"])["Statement"]
    cluster = {HANGZHOU: "c0123", BEIJING: "c4567"}[region]
    assert statement["Principal"]["Federated"] == [f"acs:ram::1234567890123456:oidc-provider/ack-rrsa-{cluster}"]
    assert statement["Condition"]["StringEquals"]["oidc:sub"] == ["system:serviceaccount:qa:training"]
    assert statement["Condition"]["StringEquals"]["oidc:aud"] == ["sts.aliyuncs.com"]
    account = qa.one(":ServiceAccount", "-training-account").inputs["metadata"]
    assert account["annotations"] == {"pod-identity.alibabacloud.com/role-name": role["roleName"]}
