"""The wiring of both kinds of stack, against a recording engine.

Not covered here: whether providers and clouds accept what is registered; that is what tests/sandbox/ does for real.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from infra.program import deploy
from infra.settings import StackSettings, load_stack

STACKS = Path(__file__).resolve().parents[3] / "stacks"
TAINT = {"key": "language-models/business", "value": "qa", "effect": "NoSchedule"}
UNTAGGED = (
    "dns/alidnsRecord:AlidnsRecord",  # the cloud has no tags on these
    "oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "ram/rolePolicyAttachment:RolePolicyAttachment",
)


def settings(stack: str) -> StackSettings:
    return load_stack(STACKS, stack)


@pytest.fixture
def qa(run_program: Callable) -> object:
    return run_program(lambda: deploy(settings("qa")), "qa")


@pytest.fixture
def platform(run_program: Callable) -> object:
    return run_program(lambda: deploy(settings("platform")), "platform")


def custom(run: object) -> list:
    return [item for item in run.registrations if item.custom and not item.type.startswith("pulumi:providers:")]


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_every_resource_names_its_provider(stack: str, request: pytest.FixtureRequest) -> None:
    found = custom(request.getfixturevalue(stack))
    assert len(found) >= 8
    assert [item.name for item in found if "pulumi:providers:" not in item.provider] == []


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_every_resource_but_the_zone_has_a_component_as_parent(stack: str, request: pytest.FixtureRequest) -> None:
    for item in custom(request.getfixturevalue(stack)):
        assert "language-model-clusters:infra:" in item.parent or item.name == "zone", item.name


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_every_cloud_object_is_tagged_with_business_and_owner(stack: str, request: pytest.FixtureRequest) -> None:
    cloud = [item for item in custom(request.getfixturevalue(stack)) if item.type.startswith("alicloud:")]
    tagged = [item for item in cloud if not item.type.endswith(UNTAGGED)]
    assert tagged
    for item in tagged:
        assert item.inputs["tags"]["business"] == stack, item.name
        assert item.inputs["tags"]["owner"].startswith(stack), item.name


def test_every_kubernetes_object_is_labelled_with_its_business_and_lies_in_its_namespace(qa: object) -> None:
    objects = [item for item in custom(qa) if item.type.startswith("kubernetes:")]
    assert objects
    for item in objects:
        assert item.inputs["metadata"]["labels"]["language-models/business"] == "qa", item.name
        if not item.type.endswith(":Namespace"):
            assert item.inputs["metadata"]["namespace"] == "qa", item.name


def test_the_node_pool_is_labelled_and_tainted_for_its_business(qa: object) -> None:
    pool = qa.one(":NodePool", "-nodes").inputs
    assert pool["taints"] == [TAINT]
    assert pool["labels"] == [{"key": "language-models/business", "value": "qa"}]
    assert pool["desiredSize"] == "2"


def test_under_an_autoscaler_the_number_of_nodes_is_neither_sent_nor_compared(run_program: Callable) -> None:
    stack = settings("qa")
    assert stack.business is not None
    region = stack.business.regions[0]
    nodes = region.nodes.model_copy(update={"count": None, "autoscaling": _autoscaling(0, 2)})
    business = stack.business.model_copy(update={"regions": (region.model_copy(update={"nodes": nodes}),)})
    pool = run_program(lambda: deploy(StackSettings(stack.platform, business))).one(":NodePool", "-nodes")
    assert "desiredSize" not in pool.inputs
    assert pool.ignore_changes == ("desiredSize",)
    assert pool.inputs["scalingConfig"] == {"enable": True, "type": "gpu", "minSize": 0, "maxSize": 2}


def _autoscaling(minimum: int, maximum: int) -> object:
    from infra.settings.business import Autoscaling

    return Autoscaling(minimum=minimum, maximum=maximum)


def test_every_pod_goes_to_the_tainted_pool(qa: object) -> None:
    pod = qa.one(":Deployment").inputs["spec"]["template"]["spec"]
    job = json.loads(qa.one(":ConfigMap").inputs["data"]["training.json"])
    for selector, tolerations in (
        (pod["nodeSelector"], pod["tolerations"]),
        (job["cluster"]["node_selector"], job["cluster"]["tolerations"]),
    ):
        assert selector == {TAINT["key"]: TAINT["value"]}
        assert tolerations == [{**TAINT, "operator": "Equal"}]


def test_the_quota_fences_what_a_business_can_starve_others_of(qa: object) -> None:
    hard = qa.one(":ResourceQuota").inputs["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "2"
    assert hard.keys() >= {
        "requests.cpu",
        "requests.memory",
        "pods",
        "persistentvolumeclaims",
        "services.loadbalancers",
    }


def test_a_container_without_requests_gets_some_or_the_quota_would_refuse_it(qa: object) -> None:
    (limit,) = qa.one(":LimitRange").inputs["spec"]["limits"]
    assert limit["defaultRequest"] == {"cpu": "0.1", "memory": "256Mi"}


def test_the_namespace_enforces_pod_security_and_injects_identities(qa: object) -> None:
    labels = qa.one(":Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"
    assert labels["pod-identity.alibabacloud.com/injection"] == "on"


def test_all_traffic_is_shut_but_named_openings(qa: object) -> None:
    policies = {item.inputs["metadata"]["name"]: item.inputs["spec"] for item in qa.of(":NetworkPolicy")}
    assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert sorted(policies) == ["allow-api-server", "allow-cloud-services", "allow-dns", "allow-within-namespace"]
    for name, spec in policies.items():
        for direction in ("ingress", "egress"):
            for opening in spec.get(direction, []):
                assert opening, f"{name} opens everything"
                assert "0.0.0.0/0" not in json.dumps(opening), name


def test_no_opening_reaches_other_businesses_pods(qa: object) -> None:
    pods = [str(switch.pod_addresses) for switch in settings("qa").platform.regions[0].network.switches]
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
    rules = qa.one(":Role", "-access").inputs["rules"]
    assert {resource for rule in rules for resource in rule["resources"]} == {"pods", "pods/log", "services"}
    assert "*" not in json.dumps(rules)
    binding = qa.one(":RoleBinding").inputs
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "training", "namespace": "qa"}]


def test_only_the_training_service_account_of_this_cluster_becomes_the_role(qa: object) -> None:
    role = qa.one("ram/role:Role").inputs
    (statement,) = json.loads(role["assumeRolePolicyDocument"])["Statement"]
    assert statement["Principal"]["Federated"] == ["acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123"]
    assert statement["Condition"]["StringEquals"]["oidc:sub"] == ["system:serviceaccount:qa:training"]
    assert statement["Condition"]["StringEquals"]["oidc:aud"] == ["sts.aliyuncs.com"]
    account = qa.one(":ServiceAccount").inputs["metadata"]
    assert account["annotations"] == {"pod-identity.alibabacloud.com/role-name": role["roleName"]}


def test_the_role_reaches_its_own_bucket_and_cannot_erase_history(qa: object) -> None:
    bucket = qa.one("oss/bucket:Bucket").inputs["bucket"]
    statements = json.loads(qa.one("ram/policy:Policy").inputs["policyDocument"])["Statement"]
    for statement in statements:
        assert all(resource.split(":")[-1].split("/")[0] == bucket for resource in statement["Resource"])
        assert "oss:DeleteObjectVersion" not in statement["Action"]
        assert not any("*" in action for action in statement["Action"])
    attachment = qa.one(":RolePolicyAttachment").inputs
    assert attachment["policyName"] == qa.one("ram/policy:Policy").inputs["policyName"]


def test_the_bucket_is_versioned_encrypted_private_and_kept(qa: object) -> None:
    bucket = qa.one("oss/bucket:Bucket")
    assert bucket.protect
    assert bucket.inputs["versioning"] == {"status": "Enabled"}
    assert bucket.inputs["serverSideEncryptionRule"] == {"sseAlgorithm": "AES256"}
    assert not bucket.inputs["forceDestroy"]
    assert qa.one(":BucketPublicAccessBlock").inputs["blockPublicAccess"] is True


def test_old_versions_move_then_expire_and_unfinished_uploads_go(qa: object) -> None:
    (rule,) = qa.one("oss/bucket:Bucket").inputs["lifecycleRules"]
    assert rule["noncurrentVersionTransitions"] == [{"storageClass": "IA", "days": 30}]
    assert rule["noncurrentVersionExpirations"] == [{"days": 90}]
    assert rule["abortMultipartUploads"] == [{"days": 3}]
    assert "days" not in rule["expirations"][0], "a current object must never expire"


def test_protection_can_be_lifted_in_the_stack_file(run_program: Callable) -> None:
    stack = settings("qa")
    assert stack.business is not None
    protection = stack.business.protection.model_copy(update={"data": False})
    business = stack.business.model_copy(update={"protection": protection})
    assert not run_program(lambda: deploy(StackSettings(stack.platform, business))).one("oss/bucket:Bucket").protect


def test_the_record_points_to_the_regions_address(qa: object) -> None:
    record = qa.one(":AlidnsRecord").inputs
    assert (record["domainName"], record["rr"], record["type"]) == ("language.example.com", "qa", "A")
    assert (record["value"], record["line"], record["ttl"]) == ("47.96.0.10", "default", 600)


def test_the_launcher_is_alone_and_without_privileges(qa: object) -> None:
    spec = qa.one(":Deployment").inputs["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "limits" in container["resources"]


def test_the_launcher_waits_for_nodes_quota_and_access_to_the_bucket(qa: object) -> None:
    dependencies = " ".join(qa.one(":Deployment").dependencies)
    for needed in (":NodePool::", ":ResourceQuota::", ":RolePolicyAttachment::", ":RoleBinding::"):
        assert needed in dependencies


def test_an_edit_of_the_training_settings_rolls_the_launcher(run_program: Callable) -> None:
    stack = settings("qa")
    assert stack.business is not None
    schedule = stack.business.training.schedule.model_copy(update={"epochs": 3})
    training = stack.business.training.model_copy(update={"schedule": schedule})
    business = stack.business.model_copy(update={"training": training})

    def mounted(run: object) -> str:
        volumes = run.one(":Deployment").inputs["spec"]["template"]["spec"]["volumes"]
        return next(volume["configMap"]["name"] for volume in volumes if "configMap" in volume)

    before = mounted(run_program(lambda: deploy(stack)))
    assert before != mounted(run_program(lambda: deploy(StackSettings(stack.platform, business))))
    assert before == mounted(run_program(lambda: deploy(stack)))


def test_a_business_exports_where_its_things_are(qa: object) -> None:
    assert qa.exports["dns_name"] == "qa.language.example.com"
    assert qa.exports["regions"]["cn-hangzhou"] == {
        "namespace": "qa",
        "bucket": "example-qa-cn-hangzhou-data",
        "models": "oss://example-qa-cn-hangzhou-data/models/",
        "role": "acs:ram::1234567890123456:role/example-qa-cn-hangzhou-training",
        "entry_address": "47.96.0.10",
        "dns_name": "qa.language.example.com",
        "training_deployment": "training",
        "logs": "kubectl --namespace qa logs --follow deployment/training",
    }


def test_the_clusters_api_is_private_and_its_identities_are_on(platform: object) -> None:
    cluster = platform.one(":ManagedKubernetes")
    assert cluster.inputs["slbInternetEnabled"] is False
    assert cluster.inputs["enableRrsa"] is True
    addons = {addon["name"]: addon.get("config") for addon in cluster.inputs["addons"]}
    assert "ack-pod-identity-webhook" in addons
    assert json.loads(addons["terway-eniip"])["NetworkPolicy"] == "true"


def test_what_all_businesses_stand_on_is_protected_twice(platform: object) -> None:
    cluster = platform.one(":ManagedKubernetes")
    assert cluster.protect
    assert cluster.inputs["deletionProtection"] is True
    assert platform.one(":AlidnsDomain").protect


def test_the_platform_exports_what_businesses_need_and_keeps_the_kubeconfig_secret(platform: object) -> None:
    assert platform.exports.keys() == {"account", "zone", "zone_servers", "regions", "kubeconfigs"}
    region = platform.exports["regions"]["cn-hangzhou"]
    assert region.keys() == {"cluster_id", "network_id", "switch_ids", "identity_provider", "identity_issuer"}
    assert len(region["switch_ids"]) == 3


def test_credentials_of_another_account_stop_the_program_before_the_first_resource(
    run_program: Callable, recorder_factory: Callable
) -> None:
    stack = settings("platform")
    recorder = recorder_factory(account="9999999999999999")
    named = stack.platform.model_copy(update={"account": "1234567890123456"})
    with pytest.raises(pulumi.RunError, match=r"9999999999999999.*1234567890123456.*nothing was changed.*way out"):
        run_program(lambda: deploy(StackSettings(named, None)), "platform", recorder)
    assert [item for item in recorder.made if not item.startswith("pulumi:providers:")] == []


def test_every_provider_says_its_region_and_the_kind_of_account(qa: object) -> None:
    provider = qa.one("pulumi:providers:alicloud").inputs
    assert (provider["region"], provider["accountType"]) == ("cn-hangzhou", "Domestic")
    assert not {"accessKey", "secretKey"} & provider.keys(), "credentials must not enter the state"


def test_a_platform_that_is_not_deployed_is_named_with_the_way_out(
    run_program: Callable, recorder_factory: Callable
) -> None:
    recorder = recorder_factory(platform_outputs={})
    with pytest.raises(pulumi.RunError, match="pulumi up --stack platform"):
        run_program(lambda: deploy(settings("qa")), "qa", recorder)
