"""What a campaign counts as lost, what it keeps between two runs, and what it breaks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from controllers.config.drills import DrillObjectives
from controllers.config.monitor import MonitorSettings
from controllers.drill import campaign
from controllers.drill.acknowledged import look
from controllers.drill.observation import Observer
from controllers.drill.probing import Probes
from controllers.drill.run import Watch
from controllers.drill.site import Site
from controllers.drill.tally import Tally, read_tally
from controllers.errors import SettingsError
from controllers.monitor.model import Pod, PodSeen, Progress, Role, WorkerProgress
from trainer.storage.object_store import DirectoryStore, checksum, put_json

SETTINGS = MonitorSettings(business="qa", namespace="qa", region="", bucket="")


def heartbeat(made: Observer, version: int, **fields: int) -> None:
    workers = {0: WorkerProgress(0.1, 9, 90, 1.0), 1: WorkerProgress(0.1, 9, 90, 1.0)}
    progress = Progress(workers=workers, **fields)
    made.world.see(PodSeen(Pod("m", "uid-m", version, Role.MASTER, phase="Running", progress=progress)), float(version))


def test_a_task_that_is_neither_done_nor_left_is_lost() -> None:
    made, tally = Observer(None, SETTINGS), Tally()  # type: ignore[arg-type]
    for index in (0, 1):
        made.world.see(PodSeen(Pod(f"w{index}", f"u{index}", 1, Role.WORKER, index, phase="Running")), 0.0)
    heartbeat(made, 2, trained=0, left=40, epoch=0)
    tally.see(made, 1.0)
    heartbeat(made, 3, trained=38, left=42, epoch=1)  # the second epoch's tasks are made while two of the first run
    tally.see(made, 1.0)
    assert (tally.missing, tally.worked, tally.watched) == (0, 2.0, 2.0)
    heartbeat(made, 4, trained=50, left=29, epoch=1)
    tally.see(made, 1.0)
    assert tally.missing == 1
    made.world.see(PodSeen(Pod("w1", "u1", 5, Role.WORKER, 1, phase="Failed")), 5.0)
    tally.see(made, 2.0)
    assert tally.worked == 4.0
    assert tally.trained == {"uid-m": 50}


def test_a_campaigns_text_says_what_was_broken_and_what_was_lost() -> None:
    tally = Tally(
        faults=Counter({"worker": 3, "master": 1}),
        late=["master 95 s"],
        problems=["worker: why"],
        trained={"a": 1000, "b": 234},
        steps_redone=7,
        worked=89.0,
        seconds_redone=0.7,
        seconds_waited=0.9,
        watched=90.0,
        requests=50,
    )
    lines = tally.text().splitlines()
    assert lines[2] == "| 4 (3 worker, 1 master) | none | none | 1,234 | 7 | 97.1% | 0 of 50 | 1.5 |"
    assert lines[3:] == ["- over its objective: master 95 s", "- worker: why"]
    assert not tally.kept_all


def test_a_campaign_goes_on_from_its_file_and_from_no_others(tmp_path: Path) -> None:
    path = tmp_path / "campaign.json"
    tally = read_tally(path, 7)
    tally.faults["worker"] += 2
    tally.number, tally.worked, tally.made = 2, 1.5, {"uid": 40}
    tally.write(path)
    assert read_tally(path, 7) == tally
    with pytest.raises(SettingsError, match="--seed 7, not 8"):
        read_tally(path, 8)
    path.write_text("{}x")
    with pytest.raises(SettingsError, match="holds no campaign"):
        read_tally(path, 7)


class Client:
    """Notes what is done to pods."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    async def delete_exactly(self, _kind: object, name: str, _uid: str, _grace: int) -> None:
        self.done.append(("deleted", name))

    async def exec(self, name: str, **_: object) -> None:
        self.done.append(("interrupted", name))


async def test_the_same_seed_breaks_the_same_pods_also_when_it_goes_on_later() -> None:
    """Nobody waits for recovery, and what can't be done (here: no command kills) counts for nothing."""
    runs = []
    for stops in ((40,), (15, 40)):
        client, tally = Client(), Tally(seed=3)
        made = Observer(client, SETTINGS)  # type: ignore[arg-type]
        for index in range(3):
            made.world.see(PodSeen(Pod(f"w{index}", f"u{index}", 1, Role.WORKER, index, phase="Running")), 0.0)
        made.world.see(PodSeen(Pod("p", "p", 1, Role.PARAMETER_SERVER, phase="Running")), 0.0)
        with Probes({}) as nobody:
            watch = Watch(Site(namespace="qa"), made, nobody, nobody)
            hits: set[asyncio.Task[None]] = set()
            for stop in stops:
                while tally.number < stop:
                    draw = random.Random(f"{tally.seed}:{tally.number}")  # noqa: S311
                    tally.number += 1
                    await campaign.restless(0.0, hits)(watch, DrillObjectives(), tally, draw, 10.0)
                    await asyncio.gather(*hits)
        runs.append(client.done)
        assert tally.faults.total() == len(client.done)
        assert set(tally.faults) == {
            "worker-deleted",
            "worker-interrupted",
            "workers-deleted",
            "parameter-server-deleted",
        }
    assert runs[0] == runs[1]
    assert len(runs[0]) > 25


def test_what_was_acknowledged_must_be_there_as_it_was_written(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put("data/train-0.txt", b"text")
    shards = [{"name": "train-0.txt", "sha256": checksum(b"text")}]
    put_json(store, "data/manifest.json", {"shards": shards})
    assert look(store, "job", 0) == (0, 0)
    for term, step in (("", 200), ("term-000002/", 400)):
        store.put(f"checkpoints/job/run/{term}{step}", b"weights")
        pointer = {"version": step, "key": f"checkpoints/job/run/{term}{step}", "sha256": checksum(b"weights")}
        put_json(store, f"checkpoints/job/run/{term}latest.json", pointer)
    assert look(store, "job", 200) == (0, 400)
    assert look(store, "job", 600) == (1, 400)  # an older one than was there before
    store.put("checkpoints/job/run/term-000002/400", b"other")
    store.delete("data/train-0.txt")
    assert look(store, "job", 400) == (2, 400)
    for key in store.list("checkpoints/"):
        store.delete(key)
    assert look(store, "job", 400) == (2, 0)
