"""What was acknowledged is kept: over a restart, over a kill, and as a unit or not at all."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from sandbox.cloud.core.store import Repository, Store

WRITER = """
import sys
from pathlib import Path
from sandbox.cloud.core.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100_000):
    store.put("thing", str(number), "x")
    print(number, flush=True)
"""


class Thing(BaseModel):
    name: str


def test_documents_survive_reopening_in_their_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite")
    things = Repository(store, "thing", Thing)
    for name in ("c", "a", "b"):
        things.put(name, Thing(name=name), region="r1")
    things.put("a", Thing(name="changed"), region="r1")
    store.close()
    again = Repository(Store(tmp_path / "a.sqlite"), "thing", Thing)
    assert [thing.name for thing in again.list("r1")] == ["c", "changed", "b"]
    assert again.list("r2") == []


def test_a_listing_is_narrowed_by_region_identifiers_and_fields() -> None:
    things = Repository(Store(None), "thing", Thing)
    for region, name in (("r1", "c"), ("r1", "a"), ("r2", "b"), ("r1", "it's")):
        things.put(f"{region}/{name}", Thing(name=name), region)

    def names(region: str | None = None, identifiers: tuple[str, ...] = (), **fields: str) -> list[str]:
        return [thing.name for thing in things.list(region, identifiers, **fields)]

    assert names(identifiers=("r2/b", "r1/a", "r1/c", "r9/none")) == ["c", "a", "b"]
    assert names("r1", ("r2/b", "r1/a")) == ["a"]
    assert names(identifiers=("\ud800", 'r1/"')) == []
    assert names(name="it's") == ["it's"]
    assert names("r2", name="a") == []
    assert names("r1") == ["c", "a", "it's"]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path / "a.sqlite").close()
    assert stat.S_IMODE((tmp_path / "a.sqlite").stat().st_mode) == 0o600


def test_a_transaction_that_fails_leaves_nothing() -> None:
    store = Store(None)

    def fail() -> None:
        with store.transaction():
            store.put("thing", "a", "x")
            with store.transaction():
                store.put("thing", "b", "x")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert store.list("thing") == []
    store.put("thing", "c", "x")
    assert store.counts() == {"thing": 1}


def test_a_number_is_never_given_twice() -> None:
    store = Store(None)
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.extend(store.next_number("n") for _ in range(50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 201))


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    whole = [int(line) for line in acknowledged if line.endswith("\n")]
    assert len(whole) >= 200
    assert len(Store(path).list("thing")) >= whole[-1] + 1
