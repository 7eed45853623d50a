"""The wiring of a business's stack, against a recording engine.

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
from infra.settings.nodes import ServingNodes

STACKS = Path(__file__).resolve().parents[3] / "stacks"
BUSINESSES = ("qa", "textgen", "chatbot", "summarization", "dialogue")
HANGZHOU, BEIJING = "cn-hangzhou", "cn-beijing"
OTHER = {HANGZHOU: BEIJING, BEIJING: HANGZHOU}
TAINT = {"key": "language-models/business", "value": "qa", "effect": "NoSchedule"}
UNTAGGED = (
    "cr/namespace:Namespace",
    "cr/repo:Repo",
    "log/store:Store",
    "log/storeIndex:StoreIndex",
    "cs/autoscalingConfig:AutoscalingConfig",
    "dns/alidnsRecord:AlidnsRecord",  # the cloud has no tags on these
    "ecs/eipAssociation:EipAssociation",
    "ecs/securityGroupRule:SecurityGroupRule",
    "oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "oss/bucketReplication:BucketReplication",
    "ram/rolePolicyAttachment:RolePolicyAttachment",
    "vpc/snatEntry:SnatEntry",
)


def settings(stack: str) -> StackSettings:
    return load_stack(STACKS, stack)


def qa_but(**changes: object) -> StackSettings:
    """The stack of qa with some of its settings replaced."""
    stack = settings("qa")
    assert stack.business is not None
    return StackSettings(stack.platform, stack.business.model_copy(update=changes))


@pytest.fixture(scope="module")
def stack(run_program: Callable) -> object:
    """The whole stack of qa."""
    return run_program(lambda: deploy(settings("qa")), "qa")


@pytest.fixture(scope="module", params=[HANGZHOU, BEIJING])
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def qa(stack: object, region: str) -> object:
    """What qa has in one region: in the one that trains, and in the one that stands by."""
    return stack.within(region)


def custom(run: object) -> list:
    return [item for item in run.registrations if item.custom and not item.type.startswith("pulumi:providers:")]


# ---- every resource


@pytest.fixture(scope="module")
def all_stacks(run_program: Callable) -> dict[str, object]:
    return {name: run_program(lambda name=name: deploy(settings(name)), name) for name in ("platform", *BUSINESSES)}


@pytest.mark.parametrize("name", ["platform", *BUSINESSES])
def test_every_resource_is_owned_placed_and_has_a_provider_of_its_own_region(
    all_stacks: dict[str, object], name: str
) -> None:
    found = custom(all_stacks[name])
    assert len(found) >= 40
    for item in found:
        assert "pulumi:providers:" in item.provider, item.name
        if item.name == "zone":
            continue
        assert "language-model-clusters:infra:" in item.parent, item.name
        regions = [region for region in OTHER if region in item.name]
        assert [region for region in OTHER if region in item.provider] == regions, item.name
    tagged = [item for item in found if item.type.startswith("alicloud:") and not item.type.endswith(UNTAGGED)]
    assert tagged
    for item in tagged:
        assert item.inputs["tags"]["business"] == name, item.name
        assert item.inputs["tags"]["owner"].startswith(name), item.name


def test_every_kubernetes_object_is_labelled_with_its_business_and_lies_in_its_namespace(qa: object) -> None:
    objects = [item for item in custom(qa) if item.type.startswith("kubernetes:")]
    assert objects
    for item in objects:
        assert item.inputs["metadata"]["labels"]["language-models/business"] == "qa", item.name
        if not item.type.endswith((":Namespace", ":ClusterRoleBinding")) and not item.name.endswith("-heartbeats"):
            assert item.inputs["metadata"]["namespace"] == "qa", item.name


def test_no_two_businesses_share_a_name_of_any_cloud_object(all_stacks: dict[str, object]) -> None:
    """Everything that is looked up by name in the account or in a cluster."""
    keys = ("bucket", "roleName", "policyName", "nodePoolName", "loadBalancerName", "rr")
    owners: dict[tuple[str, str], str] = {}
    for business in BUSINESSES:
        for item in custom(all_stacks[business]):
            for key in keys:
                if key in item.inputs and not item.type.endswith((":BucketReplication", "PublicAccessBlock")):
                    owner = owners.setdefault((key, item.inputs[key]), business)
                    assert owner == business, (key, item.inputs[key])
    assert len(owners) >= 5 * 2 * 6


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
    assert pool["scalingConfig"] == {"enable": True, "type": "gpu", "minSize": 0, "maxSize": 3}
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
    assert hard["requests.nvidia.com/gpu"] == "2"
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


# ---- buckets


def test_a_role_reaches_buckets_of_its_business_and_region_only_and_cannot_erase_history(
    qa: object, region: str
) -> None:
    policies = qa.of("ram/policy:Policy")
    # Those are for DNS records, and for the lease in the other region's bucket.
    elsewhere = ("-traffic-zone", "-training-lease")
    of_buckets = [policy for policy in policies if not policy.name.endswith(elsewhere)]
    assert of_buckets
    for policy in of_buckets:
        for statement in json.loads(policy.inputs["policyDocument"])["Statement"]:
            for resource in statement["Resource"]:
                assert resource.split(":")[-1].startswith(f"example-qa-{region}-")
            if "oss:DeleteObjectVersion" in statement["Action"]:
                assert statement["Resource"] == [f"acs:oss:*:*:example-qa-{region}-backups/scratch/*"]
            assert not any("*" in action for action in statement["Action"])
    attached = {item.inputs["policyName"] for item in qa.of(":RolePolicyAttachment")}
    assert attached == {policy.inputs["policyName"] for policy in policies}


def test_the_buckets_are_versioned_encrypted_private_logged_and_kept(qa: object, region: str) -> None:
    buckets = [item for item in qa.of("oss/bucket:Bucket") if item.custom]
    assert sorted(item.inputs["bucket"] for item in buckets) == [
        f"example-qa-{region}-{kind}" for kind in ("backups", "data", "models")
    ]
    for bucket in buckets:
        assert bucket.protect
        assert bucket.inputs["versioning"] == {"status": "Enabled"}
        assert bucket.inputs["serverSideEncryptionRule"] == {"sseAlgorithm": "AES256"}
        assert not bucket.inputs["forceDestroy"]
        assert bucket.inputs["logging"] == {
            "targetBucket": f"example-{region}-access-logs",
            "targetPrefix": f"{bucket.inputs['bucket']}/",
        }
    shut = qa.of(":BucketPublicAccessBlock")
    assert len(shut) == 3
    assert all(item.inputs["blockPublicAccess"] is True for item in shut)


def test_nobody_reaches_a_bucket_without_tls(qa: object) -> None:
    for bucket in qa.of("oss/bucket:Bucket"):
        name = bucket.inputs["bucket"]
        (statement,) = json.loads(bucket.inputs["policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", ["*"], ["oss:*"])
        assert statement["Condition"] == {"Bool": {"acs:SecureTransport": ["false"]}}
        assert statement["Resource"] == [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"]


def test_old_versions_move_then_expire_and_unfinished_uploads_go(qa: object) -> None:
    (rule,) = qa.one("oss/bucket:Bucket", "-data-bucket").inputs["lifecycleRules"]
    assert rule["noncurrentVersionTransitions"] == [{"storageClass": "IA", "days": 30}]
    assert rule["noncurrentVersionExpirations"] == [{"days": 90}]
    assert rule["abortMultipartUploads"] == [{"days": 3}]
    assert "days" not in rule["expirations"][0], "a current object must never expire"


def test_backups_grow_cheaper_with_age_and_never_expire_by_age(qa: object) -> None:
    (rule,) = qa.one("oss/bucket:Bucket", "-backups-bucket").inputs["lifecycleRules"]
    assert rule["transitions"] == [{"storageClass": "IA", "days": 30}, {"storageClass": "Archive", "days": 180}]
    assert "days" not in rule["expirations"][0]


def test_each_bucket_is_copied_to_the_paired_regions_bucket_of_its_kind(qa: object, region: str) -> None:
    copies = {item.inputs["bucket"]: item.inputs for item in qa.of(":BucketReplication")}
    assert len(copies) == 3
    for source, copy in copies.items():
        other = OTHER[region]
        assert copy["destination"] == {
            "bucket": source.replace(region, other),
            "location": f"oss-{other}",
            "transferType": "internal",
        }
        # A deletion in one region must not take models and backups of the other with it.
        assert copy["action"] == ("ALL" if source.endswith("-data") else "PUT")


def test_a_business_of_one_region_has_no_copies(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    run = run_program(lambda: deploy(qa_but(regions=business.regions[:1])))
    assert run.of(":BucketReplication") == []
    assert run.exports["regions"].keys() == {HANGZHOU}


def test_protection_can_be_lifted_in_the_stack_file(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    protection = business.protection.model_copy(update={"data": False})
    buckets = run_program(lambda: deploy(qa_but(protection=protection))).of("oss/bucket:Bucket")
    assert [bucket.protect for bucket in buckets] == [False] * 6


# ---- names


def test_every_line_has_a_record_in_every_region_enabled_in_the_nearest_only(stack: object) -> None:
    records = [item.inputs for item in stack.of(":AlidnsRecord")]
    found = {(record["line"], record["value"]): record["status"] for record in records}
    hangzhou, beijing = "47.96.0.10", "39.96.0.20"
    assert found == {
        ("default", hangzhou): "ENABLE",
        ("telecom", hangzhou): "ENABLE",
        ("unicom", hangzhou): "DISABLE",
        ("default", beijing): "DISABLE",
        ("telecom", beijing): "DISABLE",
        ("unicom", beijing): "ENABLE",
    }
    for record in records:
        assert (record["domainName"], record["rr"], record["type"], record["ttl"]) == (
            "language.example.com",
            "qa",
            "A",
            10,
        )


def test_a_failover_is_not_undone_by_the_next_up(stack: object) -> None:
    records = stack.of(":AlidnsRecord")
    assert len(records) == 6
    assert {record.ignore_changes for record in records} == {("status",)}


# ---- training


def test_one_region_trains_and_the_other_stands_by(stack: object) -> None:
    launchers = {
        region: stack.within(region).one(":Deployment", "-launcher").inputs["spec"]["replicas"] for region in OTHER
    }
    assert launchers == {HANGZHOU: 1, BEIJING: 0}
    assert stack.exports["training_region"] == HANGZHOU


def test_another_region_takes_the_training_over_by_one_word_in_the_stack_file(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    training = business.training.model_copy(update={"region": BEIJING})
    run = run_program(lambda: deploy(qa_but(training=training)))
    launchers = {r: run.within(r).one(":Deployment", "-launcher").inputs["spec"]["replicas"] for r in OTHER}
    assert launchers == {HANGZHOU: 0, BEIJING: 1}


def test_the_launcher_is_alone_and_without_privileges(qa: object) -> None:
    spec = qa.one(":Deployment", "-launcher").inputs["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "limits" in container["resources"]


def test_the_launcher_waits_for_nodes_quota_and_access_to_the_bucket(qa: object) -> None:
    dependencies = " ".join(qa.one(":Deployment", "-launcher").dependencies)
    for needed in (":NodePool::", ":ResourceQuota::", ":RolePolicyAttachment::", ":RoleBinding::"):
        assert needed in dependencies


def test_an_edit_of_the_training_settings_rolls_the_launcher(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    schedule = business.training.schedule.model_copy(update={"epochs": 3})
    edited = qa_but(training=business.training.model_copy(update={"schedule": schedule}))

    def mounted(stack: StackSettings) -> str:
        run = run_program(lambda: deploy(stack)).within(HANGZHOU)
        volumes = run.one(":Deployment", "-launcher").inputs["spec"]["template"]["spec"]["volumes"]
        return next(volume["configMap"]["name"] for volume in volumes if "configMap" in volume)

    before = mounted(settings("qa"))
    assert before != mounted(edited)
    assert before == mounted(settings("qa"))


# ---- serving


def test_the_number_of_servers_is_the_autoscalers_alone(qa: object) -> None:
    assert "replicas" not in qa.one(":Deployment", "-servers").inputs["spec"]
    scaler = qa.one(":HorizontalPodAutoscaler").inputs["spec"]
    assert scaler["scaleTargetRef"]["name"] == qa.one(":Deployment", "-servers").inputs["metadata"]["name"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)


def test_users_reach_the_servers_by_the_load_balancer_that_the_names_lead_to(qa: object) -> None:
    service = qa.one("core/v1:Service", "-entry").inputs
    prefix = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
    assert service["metadata"]["annotations"][f"{prefix}id"].endswith("-entry-id")
    assert service["metadata"]["annotations"][f"{prefix}force-override-listeners"] == "true"
    pod = qa.one(":Deployment", "-servers").inputs["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["targetPort"] == pod["spec"]["containers"][0]["ports"][0]["containerPort"]


def test_an_up_does_not_wait_for_the_first_model(qa: object) -> None:
    for item in (qa.one(":Deployment", "-servers"), qa.one("core/v1:Service", "-entry")):
        assert item.inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"


def test_a_server_is_replaced_without_a_gap_and_given_time_to_end(qa: object) -> None:
    spec = qa.one(":Deployment", "-servers").inputs["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > 15
    assert qa.one(":PodDisruptionBudget", "-server-budget").inputs["spec"]["maxUnavailable"] == 1
    keys = [item["topologyKey"] for item in spec["template"]["spec"]["topologySpreadConstraints"]]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


def test_a_server_reads_its_own_regions_models_and_nothing_else(qa: object, region: str) -> None:
    pod = qa.one(":Deployment", "-servers").inputs["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    job = json.loads(qa.one(":ConfigMap", "-serving-settings").inputs["data"]["serving.json"])
    assert (job["kind"], job["bucket"]) == ("qa", f"example-qa-{region}-models")
    (policy,) = [item.inputs for item in qa.of("ram/policy:Policy") if "-serving-" in item.name]
    actions = {action for item in json.loads(policy["policyDocument"])["Statement"] for action in item["Action"]}
    assert not {action for action in actions if "Put" in action or "Delete" in action}


# ---- the stack as a whole


def test_a_business_exports_where_its_things_are(stack: object) -> None:
    assert stack.exports["dns_name"] == "qa.language.example.com"
    assert stack.exports["regions"][HANGZHOU] == {
        "namespace": "qa",
        "bucket": "example-qa-cn-hangzhou-data",
        "buckets": {kind: f"example-qa-cn-hangzhou-{kind}" for kind in ("data", "models", "backups")},
        "models": "oss://example-qa-cn-hangzhou-models/models/",
        "role": "acs:ram::1234567890123456:role/example-qa-cn-hangzhou-training",
        "entry_address": "47.96.0.10",
        "dns_name": "qa.language.example.com",
        "training_deployment": "training",
        "serving_deployment": "serving",
        "logs": "kubectl --namespace qa logs --follow deployment/training",
    }


def test_what_was_deployed_as_one_of_its_kind_keeps_its_place_beside_the_others(stack: object) -> None:
    """Earlier versions had one pool, one bucket and one record a region; a rename would delete and remake them.

    The engine carries a component's alias over to its children.
    """
    former = {
        item.name: item.aliases for item in stack.within(HANGZHOU).registrations if item.type.endswith(":ObjectStore")
    }
    assert former["qa-cn-hangzhou-data"] == ("qa-cn-hangzhou",)
    assert former["qa-cn-hangzhou-models"] == ()
    pools = [item for item in stack.within(HANGZHOU).of("infra:NodePool") if item.aliases]
    assert [(item.name, item.aliases) for item in pools] == [("qa-cn-hangzhou-training", ("qa-cn-hangzhou",))]
    record = stack.within(HANGZHOU).one(":AlidnsRecord", "-record-default")
    assert record.aliases == ("qa-cn-hangzhou-record",)


def test_every_provider_says_its_region_and_the_kind_of_account(qa: object, region: str) -> None:
    provider = qa.one("pulumi:providers:alicloud").inputs
    assert (provider["region"], provider["accountType"]) == (region, "Domestic")
    assert not {"accessKey", "secretKey"} & provider.keys(), "credentials must not enter the state"


def test_credentials_of_another_account_than_the_platforms_stop_the_program_before_the_first_resource(
    run_program: Callable, recorder_factory: Callable
) -> None:
    recorder = recorder_factory(account="9999999999999999")
    with pytest.raises(pulumi.RunError, match=r"9999999999999999.*1234567890123456.*nothing was changed"):
        run_program(lambda: deploy(settings("qa")), "qa", recorder)
    assert [item for item in recorder.made if not item.startswith("pulumi:")] == []


def test_a_platform_that_is_not_deployed_is_named_with_the_way_out(
    run_program: Callable, recorder_factory: Callable
) -> None:
    recorder = recorder_factory(platform_outputs={})
    with pytest.raises(pulumi.RunError, match="pulumi up --stack platform"):
        run_program(lambda: deploy(settings("qa")), "qa", recorder)


# ---- whose turn it is to train


def test_all_regions_agree_in_one_place_which_of_them_trains_and_reach_nothing_else_there(
    qa: object, region: str
) -> None:
    told = json.loads(qa.one(":ConfigMap", f"{region}-settings").inputs["data"]["training.json"])
    assert told["lease"] == {
        "bucket": "example-qa-cn-beijing-data",
        "region": "cn-beijing",
        "key": "leases/training",
        "seconds": 120.0,
    }
    (policy,) = [item for item in qa.of("ram/policy:Policy") if item.name.endswith("-training-lease")]
    objects, bucket = json.loads(policy.inputs["policyDocument"])["Statement"]
    assert objects["Resource"] == ["acs:oss:*:*:example-qa-cn-beijing-data/leases/*"]
    assert not {"oss:PutObject", "oss:DeleteObject"} & set(bucket["Action"])
    ways = {
        item.inputs["metadata"]["name"]: item.inputs["spec"]
        for item in qa.of(":NetworkPolicy")
        if item.inputs["metadata"]["name"].startswith("allow-lease")
    }
    assert ways["allow-lease-of-launcher"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "training"
    assert ways["allow-lease-of-master"]["podSelector"]["matchLabels"] == {"elasticdl-replica-type": "master"}
    for spec in ways.values():
        (opening,) = spec["egress"]
        assert opening["ports"] == [{"protocol": "TCP", "port": 443}]
