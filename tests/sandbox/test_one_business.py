"""One business end to end, with the real engine, provider, Kubernetes and ElasticDL. The tests run in this order.

Up, the commands of the page that teaches it (a second up, an edit, bad input), training with a worker killed in the
middle, the cloud killed, another edit, destroy, and nothing left. What a single part does in detail is tested beside
that part.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
from dnslib import DNSRecord

from sandbox import cloud_process, deployment, lifecycle
from sandbox.commands.node_fault import region_of
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.locking import exclusive
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.region import cleanup
from sandbox.settings import SandboxSettings
from tests.sandbox.business import bucket, edit, restore, tagging, tags, tasks_of_the_job, training_progress
from tests.sandbox.cluster import Cluster, wait_for
from tests.sandbox.page_commands import Shell, follow
from tests.sandbox.project import copy_program

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

REGION = "cn-hangzhou"
RECORDS = ("client-token", "cluster-task", "region-slot", "registry-key", "role-session", "scheduled-job")
"""What the cloud remembers of calls and of its own work after what they made is gone; a deleted key stays a month."""
DELETED_LATER = ("kms-key", "tags-kms")
"""A key that is destroyed waits for its end for days, as in the cloud."""
JOB = "elasticdl-job-name=language-model"
STATE_BUCKET = "example-pulumi-state"
STATE_FOLDER = ".pulumi/stacks/language-model-clusters"
"""Where the engine's own backends keep this project's stacks."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program and the stack files, so that an edit changes no committed file."""
    return copy_program(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def engine(empty_sandbox: SandboxSettings, progress: Progress, project: Path) -> Engine:
    """Platform and business, brought up by the real engine."""
    lifecycle.start(empty_sandbox, progress)
    engine = Engine(empty_sandbox, project)
    engine.prepare()
    engine.up("platform")
    engine.up("qa")
    return engine


@pytest.fixture(scope="module")
def places(engine: Engine) -> dict[str, Any]:
    """Where the business's things are in the region."""
    found: dict[str, Any] = engine.outputs("qa")["regions"][REGION]
    return found


@pytest.fixture(scope="module")
def cluster(engine: Engine, settings: SandboxSettings, places: dict[str, Any]) -> Cluster:
    return Cluster(deployment.kubeconfig_file(settings, REGION), places["namespace"])


@pytest.fixture(scope="module")
def pulumi(engine: Engine, settings: SandboxSettings, project: Path) -> Iterator[Any]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [settings.state / "bin" / "pulumi", *arguments, "--non-interactive"],
            cwd=project,
            env={**os.environ, **environment(settings)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


def test_up_gives_the_business_nodes_of_its_own_and_no_gpu_before_there_is_work(cluster: Cluster) -> None:
    nodes = cluster.objects("nodes", "--selector", "language-models/business=qa")
    assert [node["metadata"]["labels"]["language-models/pool"] for node in nodes] == ["serving"]
    for node in nodes:
        taints = {(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]}
        assert ("language-models/business", "NoSchedule") in taints


def test_up_fences_the_namespace(cluster: Cluster) -> None:
    assert cluster.objects("resourcequotas")
    assert cluster.objects("limitranges")
    policies = cluster.objects("networkpolicies")
    assert any(policy["spec"]["podSelector"] == {} and "ingress" not in policy["spec"] for policy in policies)
    assert cluster.objects("rolebindings")


def test_the_business_has_a_name_in_the_zone(settings: SandboxSettings, places: dict[str, Any]) -> None:
    for tcp in (False, True):
        answer = DNSRecord.parse(
            DNSRecord.question(places["dns_name"]).send(str(settings.addresses.cloud), 53, tcp=tcp, timeout=5)
        )
        assert [str(record.rdata) for record in answer.rr] == [places["entry_address"]]


def test_a_second_up_changes_nothing(pulumi: Any, project: Path) -> None:
    for stack in ("platform", "qa"):
        result = pulumi("up", "--yes", "--skip-preview", "--stack", stack, "--expect-no-changes")
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_command_of_the_page_that_teaches_it_does_what_the_page_says(
    engine: Engine, settings: SandboxSettings, project: Path, tmp_path: Path
) -> None:
    """On stacks that are up already, so most of it is quick; on the copy of the stack files, which is edited."""
    (project / ".venv-trainer").symlink_to(REPOSITORY / ".venv-trainer")
    variables = {
        "SANDBOX_NAME": settings.name,
        "SANDBOX_INDEX": str(settings.addresses.index),
        "PYTHONPATH": str(REPOSITORY),
    }
    assert follow(REPOSITORY / "docs" / "first-stack.md", Shell(project, tmp_path / "output", variables)) > 15


def test_preview_writes_into_no_stack_file(pulumi: Any, project: Path) -> None:
    before = (project / "stacks" / "Pulumi.qa.yaml").read_bytes()
    result = pulumi("preview", "--stack", "qa", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (project / "stacks" / "Pulumi.qa.yaml").read_bytes() == before


def test_a_second_deploy_while_one_runs_is_refused_and_breaks_nothing(settings: SandboxSettings) -> None:
    with exclusive(settings.state / "deploy.lock", "deploying to this sandbox"):
        second = subprocess.run(
            [REPOSITORY / ".venv" / "bin" / "python", "-m", "sandbox", "deploy", "qa"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 1
    assert second.stderr.startswith("error: another process")
    assert cloud_process.is_answering(settings)


def test_a_killed_worker_loses_no_task_and_the_model_beats_the_unigram(
    settings: SandboxSettings, progress: Progress, project: Path, cluster: Cluster, places: dict[str, Any]
) -> None:
    deployment.upload_corpus(settings, places["buckets"]["data"], REGION)
    wait_for(
        "a task done by the workers",
        lambda: training_progress(settings, places["buckets"], REGION).get("tasks_done", 0) > 0,
        seconds=300,
    )
    wait_for(
        "two workers, and one that stands by",
        lambda: len(cluster.running_pods(f"{JOB},elasticdl-replica-type=worker")) == 3,
        seconds=120,
    )
    workers = cluster.running_pods(f"{JOB},elasticdl-replica-type=worker")
    assert len(cluster.running_pods(f"{JOB},elasticdl-replica-type=ps")) == 1
    gpu_nodes = cluster.objects("nodes", "--selector", "language-models/business=qa,language-models/pool=training")
    assert [node["status"]["allocatable"]["nvidia.com/gpu"] for node in gpu_nodes] == ["1", "1", "1"]
    (worker,) = cluster.objects("pods", "--field-selector", f"metadata.name={workers[0]}")
    region_of(settings, worker["spec"]["nodeName"]).kill_container(places["namespace"], workers[0])
    wait_for(
        "a new worker beside the others",
        lambda: len(set(cluster.running_pods(f"{JOB},elasticdl-replica-type=worker")) - {workers[0]}) == 3,
        seconds=120,
    )
    model = deployment.wait_for_model(settings, places["buckets"], REGION, progress)
    done = training_progress(settings, places["buckets"], REGION)
    assert len(done["workers_seen"]) == 4
    # At least once: the killed worker's task is given out again, and ElasticDL adds a closing task of its own.
    assert done["tasks_done"] >= tasks_of_the_job(project, bucket(settings, places["buckets"]["data"], REGION))
    assert done["tasks_remaining"] == 0
    losses = [loss for _, loss in done["losses"]]
    assert losses[-1] < losses[0]
    assert model["perplexity"]["network"] < model["perplexity"]["unigram"]
    assert {"unigram", "bigram", "network"} <= set(model["perplexity"])


def test_the_model_in_the_bucket_is_whole(settings: SandboxSettings, places: dict[str, Any]) -> None:
    store = bucket(settings, places["buckets"]["models"], REGION)
    latest = json.loads(store.get_object("models/latest.json").read())
    manifest = json.loads(store.get_object(latest["manifest"]).read())
    names = [entry["name"] for entry in manifest["files"]]
    assert any(name.endswith("saved_model.pb") for name in names)
    assert "evaluation.md" in names
    for entry in manifest["files"]:
        content = store.get_object(f"models/{latest['version']}/{entry['name']}").read()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["name"]
    data = bucket(settings, places["buckets"]["data"], REGION)
    assert any("checkpoints/" in item.key for item in oss2.ObjectIterator(data, prefix="checkpoints/"))


def test_a_backup_is_proven_and_brings_back_what_was_deleted(
    settings: SandboxSettings, cluster: Cluster, places: dict[str, Any]
) -> None:
    """Made as the CronJob makes it, by its own role; restored with the command that docs/operations.md names."""
    cluster.run("create", "job", "by-hand", "--from=cronjob/backup")
    cluster.run("wait", "--for=condition=complete", "job/by-hand", "--timeout=50s")
    status = json.loads(
        bucket(settings, places["buckets"]["backups"], REGION).get_object(f"{REGION}/status.json").read()
    )
    assert status["last_proven"] == status["last"]
    deleted = {kind: f"{kind}/{name}" for kind, name in (("data", "manifest.json"), ("models", "latest.json"))}
    stores = {kind: bucket(settings, places["buckets"][kind], REGION) for kind in deleted}
    before = {kind: stores[kind].get_object(key).read() for kind, key in deleted.items()}
    for kind, key in deleted.items():
        stores[kind].delete_object(key)
        assert not stores[kind].object_exists(key)
    targets = [argument for kind in deleted for argument in ("--to", f"{kind}=oss://{places['buckets'][kind]}")]
    restore(settings, f"{places['buckets']['backups']}/{REGION}", REGION, *targets, "--keep-others")
    assert {kind: stores[kind].get_object(key).read() for kind, key in deleted.items()} == before


def test_the_other_region_has_the_backup_and_neither_the_lease_on_making_one_nor_what_its_proof_restored(
    settings: SandboxSettings, engine: Engine
) -> None:
    there = bucket(settings, engine.outputs("qa")["regions"]["cn-beijing"]["buckets"]["backups"], "cn-beijing")
    wait_for("its copy there", lambda: there.object_exists(f"{REGION}/status.json"), seconds=30)
    parts = {item.key.split("/")[1] for item in oss2.ObjectIterator(there, prefix=f"{REGION}/")}
    assert parts == {"backups", "content", "status.json"}


def test_a_region_takes_its_data_from_the_copy_of_the_other_regions_backup(
    settings: SandboxSettings, engine: Engine, places: dict[str, Any]
) -> None:
    there = engine.outputs("qa")["regions"]["cn-beijing"]["buckets"]
    line = ["--from-region", "cn-beijing", "--to", f"data=oss://{there['data']}/restored", "--keep-others"]
    would = restore(settings, f"{there['backups']}/{REGION}", "cn-beijing", *line, "--dry-run")
    store = bucket(settings, there["data"], "cn-beijing")
    assert "dry run: nothing was changed" in would
    assert not store.object_exists("restored/data/manifest.json")
    restore(settings, f"{there['backups']}/{REGION}", "cn-beijing", *line)
    here = bucket(settings, places["buckets"]["data"], REGION)
    for key in ("data/manifest.json", "data/vocabulary.json"):
        assert store.get_object(f"restored/{key}").read() == here.get_object(key).read()


def test_the_training_region_holds_the_lease_in_the_other_regions_bucket(
    settings: SandboxSettings, engine: Engine
) -> None:
    places = engine.outputs("qa")["regions"]["cn-beijing"]
    store = bucket(settings, places["buckets"]["data"], "cn-beijing")
    lines = store.get_object("leases/training").read().splitlines()
    assert {json.loads(line)["holder"] for line in lines} == {REGION}


def test_the_clouds_state_survives_kill_9(settings: SandboxSettings, pulumi: Any) -> None:
    process = cloud_process.process_id(settings)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    wait_for("the end of the cloud's process", lambda: cloud_process.process_id(settings) is None, seconds=10)
    cloud_process.start(settings)
    result = pulumi("preview", "--stack", "qa", "--expect-no-changes", "--refresh")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_change_made_by_hand_shows_in_a_refresh_and_the_next_up_undoes_it(
    pulumi: Any, settings: SandboxSettings, places: dict[str, Any]
) -> None:
    store = bucket(settings, places["buckets"]["data"], REGION)
    declared = tags(store)
    assert declared
    store.put_bucket_tagging(tagging({**declared, "owner": "somebody@example.com", "extra": "by hand"}))
    shown = pulumi("refresh", "--preview-only", "--diff", "--expect-no-changes", "--stack", "qa")
    assert shown.returncode != 0, shown.stdout
    assert "somebody@example.com" in shown.stdout
    assert "1 to update" in shown.stdout
    assert tags(store)["extra"] == "by hand"
    healed = pulumi("up", "--yes", "--skip-preview", "--refresh", "--stack", "qa")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert tags(store) == declared
    again = pulumi("refresh", "--preview-only", "--expect-no-changes", "--stack", "qa")
    assert again.returncode == 0, again.stdout + again.stderr


def test_an_edit_of_the_stack_file_changes_just_what_it_says(pulumi: Any, project: Path, cluster: Cluster) -> None:
    edit(project, lambda business: business["quota"].update(pods=21))
    result = pulumi("up", "--yes", "--skip-preview", "--stack", "qa")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 updated" in result.stdout
    assert cluster.objects("resourcequotas")[0]["spec"]["hard"]["pods"] == "21"


def test_hooks_run_around_a_backup_that_holds_the_stacks_own_state_and_no_other_stacks(
    pulumi: Any, settings: SandboxSettings, project: Path, cluster: Cluster, places: dict[str, Any]
) -> None:
    store = bucket(settings, STATE_BUCKET, REGION)
    store.create_bucket()
    state = pulumi("stack", "export", "--stack", "qa").stdout
    for stack in ("qa", "textgen"):
        store.put_object(f"{STATE_FOLDER}/{stack}.json", state)
    hooks = {
        "before": [{"name": "pause", "command": ["printenv", "BACKUP_WHEN"]}],
        "after": [{"name": "go-on", "command": ["printenv", "BACKUP_WHEN", "BACKUP_SUCCEEDED"]}],
    }
    where = {"bucket": STATE_BUCKET, "region": REGION}
    edit(project, lambda business: business["backup"].update(hooks=hooks, pulumi_state=where))
    result = pulumi("up", "--yes", "--skip-preview", "--stack", "qa")
    assert result.returncode == 0, result.stdout + result.stderr
    cluster.run("create", "job", "with-hooks", "--from=cronjob/backup")
    cluster.run("wait", "--for=condition=complete", "job/with-hooks", "--timeout=50s")
    said = cluster.run("logs", "job/with-hooks")
    assert 0 < said.index("hook pause: before") < said.index("hook go-on: after True")
    for stack in ("qa", "textgen"):
        store.delete_object(f"{STATE_FOLDER}/{stack}.json")
    backups = f"{places['buckets']['backups']}/{REGION}"
    restore(settings, backups, REGION, "--to", f"pulumi-state=oss://{STATE_BUCKET}/{STATE_FOLDER}/qa.*")
    assert [item.key for item in oss2.ObjectIterator(store)] == [f"{STATE_FOLDER}/qa.json"]
    assert store.get_object(f"{STATE_FOLDER}/qa.json").read().decode() == state
    store.delete_object(f"{STATE_FOLDER}/qa.json")
    store.delete_bucket()


def test_destroy_leaves_nothing_in_the_cluster_nor_in_the_cloud(
    engine: Engine, settings: SandboxSettings, progress: Progress, cluster: Cluster
) -> None:
    deployment.destroy_stack(settings, engine, "qa")
    assert "qa" not in {item["metadata"]["name"] for item in cluster.objects("namespaces")}
    assert cluster.objects("nodes") == []
    deployment.destroy_stack(settings, engine, "platform")
    expected = {"account", *RECORDS, *DELETED_LATER}
    wait_for("nothing is left", lambda: set(cloud_process.status(settings)["resources"]) <= expected, 30)


def test_down_leaves_nothing_on_the_host(settings: SandboxSettings, progress: Progress) -> None:
    assert lifecycle.stop(settings, progress, purge=True) == []
    assert cleanup.leftovers(settings.addresses, settings.state) == []
    assert not settings.state.exists()
