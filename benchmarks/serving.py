"""Scoring a 20-word sentence over HTTP beside the model's bare call, on one core each, in one run.

    .venv-trainer/bin/python -m benchmarks.serving [--store STORE]

The sentences are held-out ones of the corpus. With --store the model is that registry's promoted one; otherwise an
untrained one of the default size over the corpus's vocabulary, which takes as long to score. The server runs on one
core and the clients on another; a bare call gets the sentence's word numbers and returns its words' log-probabilities.
Printed are the latency that clients see, requests per second of the server's processor time, and the ratio of that to
bare calls per second of theirs: 1 would mean that HTTP, JSON, the checks, cutting the text into words and batching cost
nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np

from trainer.answers.language_model import LanguageModel
from trainer.config import ModelSettings, RequestLimits, ServingJob, ServingSettings
from trainer.data import corpus
from trainer.data.partition import split
from trainer.data.vocabulary import Vocabulary
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import LogProbabilities, Weights
from trainer.registry import versions as registry
from trainer.serving.models import load
from trainer.storage.object_store import DirectoryStore, get_json, open_store, put_json

WORDS = 20
START_SECONDS = 60.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What clients saw, and the processor time that the server took for it."""

    latencies: list[float]
    wall_seconds: float
    processor_seconds: float

    @property
    def per_core_second(self) -> float:
        return len(self.latencies) / self.processor_seconds

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return float(np.percentile(self.latencies, share)) * 1000


def untrained(lines: list[str]) -> NumpyModel:
    """A model of the default size: values as before training, the corpus's words."""
    settings = ModelSettings()
    vocabulary = Vocabulary.count(lines, settings.vocabulary_size)
    draw = np.random.default_rng(0)
    size, dimension, units = len(vocabulary), settings.embedding_dimension, settings.hidden_dimension
    shapes = (
        (size, dimension),
        (size, dimension),
        (settings.window, dimension),
        (dimension, units),
        (units,),
        (units, 2),
        (2,),
    )
    arrays = [draw.normal(0, 0.1, shape).astype(np.float32) for shape in shapes]
    return NumpyModel(Weights(*arrays), vocabulary, settings)


def registered(store: DirectoryStore, model: NumpyModel, folder: Path) -> None:
    """Make the model the store's promoted one."""
    path = folder / registry.NUMPY_FORM
    path.parent.mkdir(parents=True)
    path.write_bytes(model.to_bytes())
    registry.upload(store, "models/", "benchmark", folder, {}, {})
    registry.promote(store, "models/", "benchmark", "to be measured")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def swap(store: DirectoryStore, url: str) -> None:
    """Have the server load the model again as another version, beside the one in use, and wait until it answers."""
    manifest = get_json(store, "models/benchmark/manifest.json")
    store.put("models/again/numpy/model.npz", store.get("models/benchmark/numpy/model.npz"))
    put_json(store, "models/again/manifest.json", {**manifest, "version": "again"})
    registry.promote(store, "models/", "again", "to be swapped in")
    deadline = time.monotonic() + START_SECONDS
    while '"model":"again"' not in read(f"{url}/v1/model"):
        if time.monotonic() > deadline:
            raise RuntimeError("the server did not take the promoted version")
        time.sleep(0.05)


def read(url: str) -> str:
    """What the server answers to a GET."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
        return str(answer.read().decode())


@contextmanager
def server(store: str, region: str, folder: Path, core: int) -> Iterator[tuple[int, str, float]]:
    """The server's process, its address, and the seconds until it was ready."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    limits = RequestLimits(concurrent_requests=64, queued_requests=256)
    settings = ServingSettings(port=port, drain_seconds=0.0, poll_seconds=0.05, requests=limits)
    job = ServingJob(business="benchmark", kind="qa", region=region or "none", bucket="none", serving=settings)
    path = folder / "serving.json"
    path.write_text(job.model_dump_json())
    begun = time.monotonic()
    command = [sys.executable, "-m", "trainer", "serve", "--settings", str(path), "--store", store]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        os.sched_setaffinity(process.pid, {core})
        try:
            while not is_ready(url):
                if process.poll() is not None or time.monotonic() > begun + START_SECONDS:
                    raise RuntimeError(f"the server did not become ready; is port {port} free?")
                time.sleep(0.01)
            yield process.pid, url, time.monotonic() - begun
        finally:
            process.terminate()


def is_ready(url: str) -> bool:
    """What /readyz says; no when nothing listens yet."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_mebibytes(pid: int) -> float:
    """The most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


async def drive(pid: int, url: str, texts: list[str], normalisation: str, clients: int, seconds: float) -> Load:
    """So many clients, each asking again as soon as it was answered, on open connections."""
    latencies: list[float] = []
    bodies = [
        json.dumps({"sentences": [text], "normalisation": normalisation}, ensure_ascii=False).encode() for text in texts
    ]
    begun, used = time.monotonic(), processor_seconds(pid)

    async def ask(session: aiohttp.ClientSession, number: int) -> None:
        while time.monotonic() < begun + seconds:
            started = time.perf_counter()
            async with session.post(f"{url}/v1/score", data=bodies[number % len(bodies)]) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"the server answered {answer.status}")
            latencies.append(time.perf_counter() - started)
            number += clients

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(ask(session, number) for number in range(clients)))
    return Load(latencies, time.monotonic() - begun, processor_seconds(pid) - used)


def bare(model: LanguageModel, texts: list[str], *, exact: bool, seconds: float) -> float:
    """Calls per second of processor time, a sentence a call, its word numbers given."""
    score: Callable[..., LogProbabilities] = model.scorer.exact if exact else model.scorer.estimated
    given = [model.positions([model.encode(model.segmenter.words(text))]) for text in texts]
    calls, begun = 0, time.process_time()
    while time.process_time() < begun + seconds:
        positions = given[calls % len(given)]
        score(positions[:, 0], model.scorer.contexts(positions[:, 1:]))
        calls += 1
    return calls / (time.process_time() - begun)


def segmentation(model: LanguageModel, lines: list[str]) -> tuple[float, float]:
    """F1 of the words that the server cuts, against the hand's; and characters a second."""
    right = cut = by_hand = characters = 0
    begun = time.process_time()
    for line in lines:
        gold = ["8" if word == corpus.NUMBER else word for word in line.split()]
        found = ["8" if word == corpus.NUMBER else word for word in model.segmenter.words("".join(gold))]
        characters += sum(map(len, gold))
        ours, theirs = spans(found), spans(gold)
        right, cut, by_hand = right + len(ours & theirs), cut + len(ours), by_hand + len(theirs)
    return 2 * right / (cut + by_hand), characters / (time.process_time() - begun)


def spans(words: list[str]) -> set[tuple[int, int]]:
    """Where each word begins and ends."""
    ends = np.cumsum([len(word) for word in words]).tolist()
    return set(zip([0, *ends[:-1]], ends, strict=True))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Scoring over HTTP beside the model's bare call.")
    parser.add_argument("--store", default="", help="a registry with a promoted model (default: an untrained model)")
    parser.add_argument("--region", default="", help="the bucket's region")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement (8)")
    options = parser.parse_args()
    if "OPENBLAS_NUM_THREADS" not in os.environ:  # as the server has it; read when NumPy is loaded, so begin again
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.serving", *sys.argv[1:]])  # noqa: S606 - ourselves
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    found = split(corpus.read_sentences())
    texts = [
        "".join("8" if word == corpus.NUMBER else word for word in line.split())
        for line in found.valid
        if line.count(" ") + 1 == WORDS
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        address = options.store or str(folder / "store")
        if not options.store:
            registered(DirectoryStore(folder / "store"), untrained(found.train), folder / "version")
        store = open_store(address, options.region)
        pointer = registry.current(store, "models/")
        if pointer is None:
            parser.error(f"no model was promoted in {address}; python -m trainer publish")
        model = load(store, "models/", pointer).model
        quality, speed = segmentation(model, found.valid[:500])
        print(
            f"words cut as the hand did: F1 {quality:.3f} on 500 held-out sentences, {speed:,.0f} characters a second"
        )
        with server(address, options.region, folder, cores[-1]) as (pid, url, ready):
            print(f"server ready after {ready:.2f} s; {len(texts)} sentences of {WORDS} words, {model.version}")
            row = "{:<11}{:>9}{:>10}{:>10}{:>12}{:>16}{:>16}{:>8}"
            print(
                row.format(
                    "", "clients", "p50 ms", "p99 ms", "requests/s", "per core second", "bare per second", "ratio"
                )
            )
            for normalisation in ("exact", "estimated"):
                rate = bare(model, texts, exact=normalisation == "exact", seconds=options.seconds / 2)
                asyncio.run(drive(pid, url, texts, normalisation, 8, 1.0))
                for clients in (1, 16):
                    load_seen = asyncio.run(drive(pid, url, texts, normalisation, clients, options.seconds))
                    figures = (load_seen.percentile(50), load_seen.percentile(99))
                    throughput = len(load_seen.latencies) / load_seen.wall_seconds
                    per_core = load_seen.per_core_second
                    print(
                        row.format(
                            normalisation,
                            clients,
                            *(f"{value:.2f}" for value in figures),
                            *(f"{value:,.0f}" for value in (throughput, per_core, rate)),
                            f"{per_core / rate:.3f}",
                        )
                    )
            if not options.store:
                swap(DirectoryStore(folder / "store"), url)
            swapped = "" if options.store else ", a swap of the model included"
            print(f"most memory of the server{swapped}: {resident_mebibytes(pid):.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
