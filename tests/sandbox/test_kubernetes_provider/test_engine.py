"""The real engine with the project's language host and Kubernetes provider, against a real API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.errors import SandboxError
from sandbox.pulumi.install import install_plugins
from sandbox.toolchain import binary

pytestmark = pytest.mark.sandbox
COMMAND_SECONDS = 120.0

PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

config = pulumi.Config()
with open("kubeconfig") as file:
    provider = kubernetes.Provider("cluster", kubeconfig=pulumi.Output.secret(file.read()))
options = pulumi.ResourceOptions(provider=provider)
namespace = kubernetes.core.v1.Namespace("space", opts=options)
space = namespace.metadata.name
kubernetes.core.v1.ConfigMap(
    "settings", metadata={"namespace": space}, data={"text": config.require("text")}, opts=options)
kubernetes.core.v1.Secret(
    "key", metadata={"name": "key", "namespace": space}, string_data={"key": config.require_secret("key")},
    opts=options)
web = kubernetes.apps.v1.Deployment(
    "web",
    metadata={"namespace": space, "annotations": {"pulumi.com/skipAwait": "true",
              "pulumi.com/deletionPropagationPolicy": "background"}},
    spec={
        "replicas": 1,
        "selector": {"match_labels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": config.get("image") or "web:1"}]},
        },
    },
    opts=options,
)
pulumi.export("namespace", space)
pulumi.export("uid", web.metadata.uid)
pulumi.export("generation", web.metadata.generation)
"""


def tool(name: str) -> Path:
    try:
        return binary(name)
    except SandboxError as error:
        pytest.skip(str(error))


class Project:
    """A Pulumi project in a temporary folder, driven by the command line as a person would."""

    def __init__(self, folder: Path, kubeconfig: str) -> None:
        self.folder = folder
        state = folder / "state"
        (state / "bin").mkdir(parents=True)
        (state / "backend").mkdir()
        (state / "bin" / "pulumi").symlink_to(tool("pulumi"))
        install_plugins(state, Path(sys.executable), tool("pulumi-resource-alicloud"))
        (folder / ".venv").symlink_to(Path(sys.prefix))
        (folder / "stacks").mkdir()
        (folder / "kubeconfig").write_text(kubeconfig)
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "Pulumi.yaml").write_text(
            "name: project\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n"
            "stackConfigDir: stacks\n"
        )
        self.environment = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{state / 'backend'}?metadata=skip",
            "PULUMI_HOME": str(state / "pulumi" / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PATH": f"{state / 'bin'}:{os.environ['PATH']}",
        }
        self.run("stack", "init", "qa")
        self.run("config", "set", "text", "one", "-s", "qa")
        self.run("config", "set", "--secret", "key", "hush-hush-hush", "-s", "qa")

    def run(self, *arguments: str, expected: int = 0) -> str:
        result = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        text = result.stdout + result.stderr
        assert result.returncode == expected, text
        return text

    def output(self, name: str) -> Any:
        return json.loads(self.run("stack", "output", "--json", "-s", "qa"))[name]

    def state(self) -> list[dict[str, Any]]:
        deployment = json.loads(self.run("stack", "export", "-s", "qa"))["deployment"]
        rows: list[dict[str, Any]] = deployment["resources"]
        return rows


@pytest.fixture
def project(tmp_path: Path, api_server: Any) -> Project:
    return Project(tmp_path, api_server.kubeconfig)


def test_a_stack_goes_up_stays_unchanged_is_edited_refreshed_and_destroyed(project: Project, play: Any) -> None:
    preview = project.run("preview", "-s", "qa")
    assert "+ 6 to create" in preview
    project.run("up", "--yes", "--skip-preview", "-s", "qa")
    assert project.output("uid")
    again = project.run("up", "--yes", "--skip-preview", "-s", "qa")
    assert "6 unchanged" in again
    project.run("preview", "--expect-no-changes", "-s", "qa")

    namespace = project.output("namespace")
    assert "hush-hush-hush" not in json.dumps(project.state())

    project.run("config", "set", "image", "web:2", "-s", "qa")
    project.run("config", "set", "text", "two", "-s", "qa")
    shown = project.run("preview", "--diff", "-s", "qa")
    assert '~ image: "web:1" => "web:2"' in shown
    assert "+-1 to replace" in shown
    project.run("up", "--yes", "--skip-preview", "-s", "qa")
    deployments = play.client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
    assert [row["spec"]["template"]["spec"]["containers"][0]["image"] for row in deployments] == ["web:2"]
    maps = play.client.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    assert [row["data"] for row in maps] == [{"text": "two"}]

    project.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", "-s", "qa")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployments[0]['metadata']['name']}"
    play.client.request(
        "PATCH", path, {"fieldManager": "hand"}, {"spec": {"replicas": 3}}, "application/merge-patch+json"
    )
    refreshed = project.run("refresh", "--yes", "--skip-preview", "-s", "qa")
    assert "~ 1 updated" in refreshed
    # The hand that scaled now owns the field: the conflict is named, not overrun.
    failed = project.run("up", "--yes", "--skip-preview", "-s", "qa", expected=1)
    assert ".spec.replicas: managed by 'hand'" in failed

    finalize = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {"finalizers": []}}
    with subprocess.Popen(
        ["pulumi", "destroy", "--yes", "--skip-preview", "-s", "qa", "--non-interactive"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as destroy:
        assert destroy.stdout is not None
        lines = []
        for line in destroy.stdout:
            lines.append(line)
            if "Namespace" in line and "deleting" in line:
                live = play.client.find(f"/api/v1/namespaces/{namespace}")
                if live is not None and "deletionTimestamp" in live["metadata"]:
                    play.client.request("PUT", f"/api/v1/namespaces/{namespace}/finalize", {}, finalize)
    assert destroy.returncode == 0, "".join(lines)
    assert play.client.find(f"/api/v1/namespaces/{namespace}") is None


def test_an_existing_object_is_imported_and_then_unchanged(project: Project, namespace: str, play: Any) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"a": "1"}}
    play.manager("kubectl", f"/api/v1/namespaces/{namespace}/configmaps/mine", body)
    program = PROGRAM.partition("namespace = ")[0] + (
        f'kubernetes.core.v1.ConfigMap("mine", metadata={{"name": "mine", "namespace": "{namespace}"}}, '
        f'data={{"a": "1"}}, opts=options)\n'
    )
    (project.folder / "__main__.py").write_text(PROGRAM.partition("namespace = ")[0])
    project.run("up", "--yes", "--skip-preview", "-s", "qa")
    arguments = ["kubernetes:core/v1:ConfigMap", "mine", f"{namespace}/mine", "--generate-code=false"]
    provider = next(row["urn"] for row in project.state() if row["type"] == "pulumi:providers:kubernetes")
    project.run(
        "import",
        *arguments,
        "--provider",
        f"cluster={provider}",
        "--protect=false",
        "--yes",
        "--skip-preview",
        "-s",
        "qa",
    )
    (project.folder / "__main__.py").write_text(program)
    project.run("preview", "--expect-no-changes", "-s", "qa")


LATE_CLUSTER = """
import pulumi
import pulumi_kubernetes as kubernetes

text = open("kubeconfig").read()
first = kubernetes.Provider("first", kubeconfig=text)
made = kubernetes.core.v1.ServiceAccount(
    "made", metadata={"namespace": "default"}, opts=pulumi.ResourceOptions(provider=first))
late = kubernetes.Provider("late", kubeconfig=made.metadata.uid.apply(lambda uid: text), cluster_identifier=made.id)
options = pulumi.ResourceOptions(provider=late)
kubernetes.core.v1.ServiceAccount("later", metadata={"namespace": "default"}, opts=options)
"""


def test_a_cluster_that_is_not_known_yet_is_previewed_and_new_credentials_change_nothing(project: Project) -> None:
    (project.folder / "__main__.py").write_text(LATE_CLUSTER)
    assert "+ 5 to create" in project.run("preview", "-s", "qa")
    project.run("up", "--yes", "--skip-preview", "-s", "qa")
    text = (project.folder / "kubeconfig").read_text()
    content = yaml.safe_load(text)
    content["users"][0]["user"]["password"] = "renewed"
    (project.folder / "kubeconfig").write_text(yaml.safe_dump(content))
    project.run("preview", "--expect-no-changes", "-s", "qa")
    project.run("destroy", "--yes", "--skip-preview", "-s", "qa")


def test_a_wrong_object_is_told_in_the_preview(project: Project) -> None:
    program = PROGRAM.replace('"replicas": 1', '"replicas": -1').replace('"namespace": space', '"namespace": "default"')
    (project.folder / "__main__.py").write_text(program)
    text = project.run("preview", "-s", "qa", expected=1)
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in text
    assert "Traceback" not in text


def test_a_killed_engine_leaves_no_plugin_behind(project: Project) -> None:
    (project.folder / "__main__.py").write_text(
        PROGRAM + "import pathlib, threading\npathlib.Path('started').write_text('')\nthreading.Event().wait(60)\n"
    )
    process = subprocess.Popen(
        ["pulumi", "preview", "-s", "qa", "--non-interactive"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for((project.folder / "started").exists)
    process.kill()
    process.wait(10)
    _wait_for(lambda: str(project.folder) not in _processes())


@pytest.mark.parametrize(
    ("program", "shown", "hidden"),
    [
        ('import pulumi\nraise pulumi.RunError("stacks/x.yaml:3: no")', "error: stacks/x.yaml:3: no", "Traceback"),
        ("def fail():\n    return 1 / 0\nfail()", "ZeroDivisionError: division by zero", "run_in_stack"),
        ("def (:", "SyntaxError: invalid syntax", "run_in_stack"),
        ("import sys\nsys.exit(3)", "the program ended with exit status 3", "Traceback"),
    ],
)
def test_a_failing_program_says_why_once(project: Project, program: str, shown: str, hidden: str) -> None:
    (project.folder / "__main__.py").write_text(program)
    text = project.run("preview", "-s", "qa", expected=1)
    diagnostics = text.partition("Diagnostics:")[2]
    assert diagnostics.count(shown) == 1
    assert hidden not in diagnostics


def test_a_missing_program_is_one_line_with_the_way_out(project: Project) -> None:
    (project.folder / "__main__.py").unlink()
    text = project.run("preview", "-s", "qa", expected=1)
    assert "__main__.py does not exist; write it there, or set `main` in Pulumi.yaml" in text


def test_a_missing_virtual_environment_is_told_with_the_commands_that_make_it(project: Project) -> None:
    (project.folder / ".venv").unlink()
    text = project.run("preview", "-s", "qa", expected=1)
    assert "is not a virtual environment; make it: python3 -m venv" in text


def test_an_interrupted_program_leaves_no_process_and_no_traceback(project: Project) -> None:
    (project.folder / "__main__.py").write_text(
        "import pathlib, threading\npathlib.Path('started').write_text('')\nthreading.Event().wait(60)\n"
    )
    process = subprocess.Popen(
        ["pulumi", "preview", "-s", "qa", "--non-interactive"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    _wait_for((project.folder / "started").exists)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert "Traceback" not in text, text
    _wait_for(lambda: str(project.folder) not in _processes())


def _wait_for(check: Any) -> None:
    pause, deadline = threading.Event(), time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        pause.wait(0.1)


def _processes() -> str:
    """The working folders of all processes: the program runs in the project's."""
    folders = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            folders.append(str(link.readlink()))
        except OSError:
            continue
    return "\n".join(folders)
