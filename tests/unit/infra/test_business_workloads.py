"""What of a business trains and what answers its users.

Not covered here: whether providers and clouds accept what is registered; that is what tests/sandbox/ does for real.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from infra.program import deploy
from tests.unit.infra.stacks import BEIJING, HANGZHOU, OTHER, qa_but, settings

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


def test_an_edit_of_the_training_settings_rolls_the_launcher(stack: object, run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    schedule = business.training.schedule.model_copy(update={"epochs": 3})
    edited = qa_but(training=business.training.model_copy(update={"schedule": schedule}))

    def mounted(run: object) -> str:
        volumes = run.within(HANGZHOU).one(":Deployment", "-launcher").inputs["spec"]["template"]["spec"]["volumes"]
        return next(volume["configMap"]["name"] for volume in volumes if "configMap" in volume)

    before = mounted(stack)
    assert before != mounted(run_program(lambda: deploy(edited)))
    assert before == mounted(run_program(lambda: deploy(settings("qa"))))


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
