"""One ElasticDL job of this machine's processes, observed; started by the benchmarks, in namespaces of its own.

    python -m benchmarks.elasticdl_job STORE JOB FOLDER [STEPS] < a pipe

STORE is a directory with a data set, JOB the settings of a training job (`TrainingJob`, JSON), FOLDER a new one for
logs. The job is submitted as the launcher does it. For each observation a line of JSON is printed (`Observation`), ten
a second, until the pipe is closed or the job is over; the last line then says so. With STEPS what the parameter server
holds is written to FOLDER/step-N.npz every so many steps, while the training goes on. When this process ends, the
kernel ends the job.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import grpc
import numpy as np

from benchmarks.elasticdl_observation import REPOSITORY, Observation
from benchmarks.local_pods import LocalPods, furnish, processor_seconds

OBSERVATION_SECONDS = 0.1
NOTHING_NEWER = 2**31 - 1
"""As the version that one has: the answer holds the version and no parameters."""
SERVER_PORT = 2222
PULLED_ROWS = 4096


def environment() -> dict[str, str]:
    """What the image gives a pod."""
    import elasticdl  # noqa: PLC0415 - a name on the path is enough elsewhere

    programs = (Path(sys.executable).parent, Path(elasticdl.__file__).parent / "go" / "bin")
    return {
        "PATH": ":".join([*map(str, programs), os.environ.get("PATH", "/usr/bin:/bin")]),
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


class Job:
    """Submitted in the constructor."""

    def __init__(self, store: Path, settings: str, folder: Path) -> None:
        furnish(folder)
        self._pods = LocalPods(folder, environment(), REPOSITORY)
        self._pods.start()
        from trainer.config import TrainingJob  # noqa: PLC0415 - what follows reads the environment
        from trainer.data.dataset import read_manifest  # noqa: PLC0415
        from trainer.elasticdl import arguments  # noqa: PLC0415
        from trainer.elasticdl.cluster import KubernetesCluster  # noqa: PLC0415
        from trainer.elasticdl.context import RunContext  # noqa: PLC0415
        from trainer.storage.object_store import DirectoryStore  # noqa: PLC0415

        job = TrainingJob.model_validate_json(settings)
        manifest = read_manifest(DirectoryStore(store), job.data_prefix)
        self.run = RunContext(job=job, data_version=manifest.version, address=str(store))
        self._prefix = f"elasticdl-{job.job_name}-"
        line = arguments.train_arguments(self.run, job.schedule.epochs, arguments.minibatches_per_task(self.run))
        KubernetesCluster(job.job_name, job.namespace).submit(self.run, line)
        self._servers: Any = None

    def observe(self) -> Observation:
        """Raises RuntimeError with the log of a pod that has failed."""
        from trainer.elasticdl.heartbeat import ANNOTATION  # noqa: PLC0415

        over = ""
        for name in list(self._pods.processes):
            phase = (self._pods.pod(name) or {}).get("status", {}).get("phase")
            if phase == "Failed":
                raise RuntimeError(f"{name} failed; the end of what it wrote:\n{self._pods.log(name)[-3000:]}")
            if name.endswith("-master") and phase == "Succeeded":
                over = phase
        master = self._pods.pod(f"{self._prefix}master") or {}
        noted = json.loads((master["metadata"].get("annotations") or {}).get(ANNOTATION, "{}"))
        return Observation(
            time.monotonic(),
            self._step(),
            {
                name.removeprefix(self._prefix): processor_seconds(process.pid)
                for name, process in self._pods.processes.items()
            },
            {number: worker["batches"] for number, worker in noted.get("workers", {}).items()},
            over,
        )

    def _step(self) -> int:
        from elasticdl.proto import elasticdl_pb2  # noqa: PLC0415

        servers = self.servers()
        if servers is None:
            return 0
        question = elasticdl_pb2.PullDenseParametersRequest(version=NOTHING_NEWER)
        try:
            answer = servers.pull_dense_parameters(question, timeout=5.0)
        except grpc.RpcError:
            return 0
        return int(answer.version) if answer.initialized else 0

    def servers(self) -> Any:
        """The parameter server, once there is one."""
        if self._servers is None:
            from elasticdl.proto import elasticdl_pb2_grpc  # noqa: PLC0415

            pod = self._pods.pod(f"{self._prefix}ps-0")
            if pod is None:
                return None
            channel = grpc.insecure_channel(
                f"{pod['status']['podIP']}:{SERVER_PORT}", options=[("grpc.max_receive_message_length", 2**28)]
            )
            self._servers = elasticdl_pb2_grpc.PserverStub(channel)
        return self._servers

    def save(self, file: Path) -> None:
        """Write all that the parameter server holds, arrays by their variable's name."""
        from elasticdl.proto import elasticdl_pb2  # noqa: PLC0415
        from elasticdl.python.common.tensor_utils import pb_to_ndarray  # noqa: PLC0415

        from trainer.network.model import WINDOW_TABLE, WORD_TABLE  # noqa: PLC0415

        servers = self.servers()
        answer = servers.pull_dense_parameters(elasticdl_pb2.PullDenseParametersRequest(version=-1))
        found = {name: pb_to_ndarray(value) for name, value in answer.dense_parameters.items()}
        size = self.run.job.model.vocabulary_size
        for name in (f"{table}/embeddings:0" for table in (WORD_TABLE, WINDOW_TABLE)):
            if name not in found:
                blocks = [range(start, min(start + PULLED_ROWS, size)) for start in range(0, size, PULLED_ROWS)]
                asked = (elasticdl_pb2.PullEmbeddingVectorRequest(name=name, ids=block) for block in blocks)
                found[name] = np.concatenate([pb_to_ndarray(servers.pull_embedding_vectors(each)) for each in asked])
        np.savez(file, **found)


def end_with_the_pipe() -> None:
    """Whoever asked for the job holds the other end."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main(store: str, settings: str, folder: str, steps: str = "0") -> int:
    """Until the job or the pipe ends."""
    end_with_the_pipe()
    job = Job(Path(store).absolute(), settings, Path(folder).absolute())
    saved = 0
    while True:
        try:
            found = job.observe()
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        print(json.dumps(asdict(found)), flush=True)
        if found.over:
            return 0
        if int(steps) and found.step // int(steps) > saved:
            saved = found.step // int(steps)
            job.save(Path(folder) / f"step-{saved * int(steps)}.npz")
        time.sleep(OBSERVATION_SECONDS)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
