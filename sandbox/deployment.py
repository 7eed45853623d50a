"""The main job: a business, or all of them, from nothing to a trained model in a bucket."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import lifecycle
from sandbox.buckets import empty
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.errors import SandboxError
from sandbox.locking import exclusive
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.protection import lift
from sandbox.settings import SandboxSettings
from sandbox.toolchain import binary

PLATFORM = "platform"
ALL = "all"
TRAINED = "qa"
"""The business that is given a corpus when all are brought up; where there is none of this name, the first is. The
launchers of the others wait for data of theirs."""
TRAINING_TIMEOUT_SECONDS = 1800.0
PREPARE_TIMEOUT_SECONDS = 900.0
POLL_SECONDS = 2.0


def deploy(settings: SandboxSettings, stack: str, progress: Progress) -> dict[str, Any]:
    """Bring the platform and a business (or ALL) up, upload the corpus, wait for the model.

    Of several, the one that is given a corpus comes first, and trains while the others come up. Returns what the report
    shows, by business: its stack's `outputs`, and the `models` that were trained, by region. Safe to run again at any
    point: every step finds what is already done. A second call while one runs is refused.
    """
    if settings.rootless:
        raise SandboxError(
            "a rootless sandbox runs no container, so no model can be trained in it; provision with `pulumi up` "
            "there, or deploy as root to another sandbox ($SANDBOX_NAME and $SANDBOX_INDEX)"
        )
    businesses = chosen_businesses(stack)
    businesses.sort(key=lambda name: name != TRAINED)
    with exclusive(settings.state / "deploy.lock", "deploying to this sandbox"):
        lifecycle.prepare(settings, progress)
        lifecycle.start(settings, progress)
        engine = Engine(settings)
        engine.prepare()
        result: dict[str, Any] = {}
        for name in (PLATFORM, *businesses):
            with progress.step(f"pulumi up --stack {name}"):
                engine.up(name)
            if name != PLATFORM:
                result[name] = {"outputs": engine.outputs(name), "models": {}}
            if name in businesses[:1]:
                give_corpus(settings, result[name]["outputs"], progress)
        for name in businesses[:1]:
            outputs = result[name]["outputs"]
            region = str(outputs["training_region"])
            with progress.step(f"Training in {region}"):
                model = wait_for_model(settings, outputs["regions"][region]["buckets"], region, progress)
            result[name]["models"][region] = model
    return result


def chosen_businesses(stack: str, folder: Path = REPOSITORY / "stacks") -> list[str]:
    """The businesses to bring up: the one named, all that have a stack file, or none for the platform alone.

    Raises SandboxError for a name without a stack file.
    """
    names = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in folder.glob("Pulumi.*.yaml"))
    if stack not in (ALL, *names):
        raise SandboxError(f"there is no stack file for {stack!r}; there are: {', '.join(names)}, or {ALL!r}")
    return [name for name in names if name != PLATFORM and stack in (ALL, name)]


def give_corpus(settings: SandboxSettings, outputs: Mapping[str, Any], progress: Progress) -> None:
    """Upload the corpus to the data bucket of the region that trains, by what a business's stack gives out."""
    region = str(outputs["training_region"])
    bucket = str(outputs["regions"][region]["buckets"]["data"])
    with progress.step(f"Uploading the corpus to oss://{bucket}"):
        upload_corpus(settings, bucket, region)


def destroy(settings: SandboxSettings, progress: Progress) -> None:
    """`pulumi destroy` of every stack, businesses first; their buckets are emptied before."""
    with exclusive(settings.state / "deploy.lock", "deploying to this sandbox"):
        lifecycle.start(settings, progress)
        engine = Engine(settings)
        engine.prepare()
        for stack in sorted(engine.stacks(), key=lambda name: name == PLATFORM):
            with progress.step(f"pulumi destroy --stack {stack}"):
                destroy_stack(settings, engine, stack)


def destroy_stack(settings: SandboxSettings, engine: Engine, stack: str) -> None:
    """Lift what protects the stack's data and clusters, empty its buckets, then destroy it: this is the sandbox.

    What runs writes into the buckets until it is gone, so that a first attempt may find one filled again; a second one
    does not.
    """
    regions = engine.outputs(stack).get("regions", {})
    _empty_buckets(settings, regions)
    if stack == PLATFORM:
        lift(settings)
    try:
        engine.destroy(stack)
    except SandboxError:
        if _empty_buckets(settings, regions) == 0:
            raise
        engine.destroy(stack)


def _empty_buckets(settings: SandboxSettings, regions: Mapping[str, Any]) -> int:
    """Empty the buckets that a stack's outputs name; how many versions of objects went."""
    return sum(
        empty(settings, str(bucket), region)
        for region, places in regions.items()
        for bucket in (*places.get("buckets", {}).values(), places.get("access_logs_bucket"))
        if bucket
    )


def upload_corpus(settings: SandboxSettings, bucket: str, region: str) -> None:
    """Write the training and validation sets into the business's bucket; does nothing when they are there."""
    trainer(settings, ["prepare", "--to", f"oss://{bucket}", "--region", region])


def training_status(settings: SandboxSettings, buckets: Mapping[str, str], region: str) -> dict[str, Any]:
    """What the training says of itself: phase, detail, progress, and the newest registered model."""
    places = ["--bucket", f"oss://{buckets['data']}", "--models", f"oss://{buckets['models']}", "--region", region]
    status: dict[str, Any] = json.loads(trainer(settings, ["status", *places, "--json"]))
    return status


def wait_for_model(
    settings: SandboxSettings, buckets: Mapping[str, str], region: str, progress: Progress
) -> dict[str, Any]:
    """Follow the training until its model is registered; returns the registry's entry. Raises SandboxError."""
    deadline = time.monotonic() + TRAINING_TIMEOUT_SECONDS
    last = ""
    while time.monotonic() < deadline:
        status = training_status(settings, buckets, region)
        if status["phase"] == "done" and status["model"] is not None:
            model: dict[str, Any] = status["model"]
            return model
        words = f"{status['phase']}: {status.get('detail') or ''}".removesuffix(": ")
        if status["phase"] == "failed":
            raise SandboxError(f"the training {words}; `python -m sandbox logs` shows all of it")
        if words != last:
            progress.line(f"  {words}")
            last = words
        time.sleep(POLL_SECONDS)
    raise SandboxError(
        f"no model after {TRAINING_TIMEOUT_SECONDS:.0f} s; `python -m sandbox logs` shows what the training does"
    )


def trainer(settings: SandboxSettings, arguments: list[str]) -> str:
    """Run the trainer's command line in its own Python environment; returns what it printed. Raises SandboxError."""
    python = REPOSITORY / ".venv-trainer" / "bin" / "python"
    if not python.exists():
        raise SandboxError("the trainer's Python environment is missing; run `make setup`")
    result = subprocess.run(
        [python, "-m", "trainer", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        timeout=PREPARE_TIMEOUT_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SandboxError(f"`python -m trainer {' '.join(arguments)}` failed: {reason}")
    return result.stdout


def kubeconfig_file(settings: SandboxSettings, region: str) -> Path:
    """A region's kubeconfig, from the platform stack, in a file that only its owner reads."""
    kubeconfigs = Engine(settings).outputs(PLATFORM)["kubeconfigs"]
    path = settings.state / f"kubeconfig-{region}.yaml"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(str(kubeconfigs[region]))
    return path


def follow_logs(settings: SandboxSettings, business: str) -> int:
    """`kubectl logs --follow` of the business's training where it trains; returns kubectl's exit status."""
    outputs = Engine(settings).outputs(business)
    region = str(outputs["training_region"])
    places = outputs["regions"][region]
    arguments = ["--kubeconfig", str(kubeconfig_file(settings, region)), "--namespace", str(places["namespace"])]
    command = [str(binary("kubectl")), *arguments, "logs", "--follow", f"deployment/{places['training_deployment']}"]
    return subprocess.run(command, check=False).returncode
