"""Following the registry: swaps drop no request, and what can't be loaded leaves the model in use as it is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.unit.trainer.mixture.test_model import FITTED
from tests.unit.trainer.models import language_model, numpy_model, promote, upload
from tests.unit.trainer.serving.harness import Client, client
from trainer.answers.language_model import LanguageModel
from trainer.errors import StoreError
from trainer.mixture.files import files_of
from trainer.registry import versions as registry
from trainer.storage.object_store import DirectoryStore, put_json


async def failures(server: Client, more_than: float = 0) -> None:
    while await server.metric("serving_model_load_failures_total") <= more_than:
        pass


async def version(server: Client) -> str:
    answer = await server.post("/v1/score", {"sentences": ["今天天气"], "normalisation": "estimated"})
    return str(answer["model"])


async def test_a_promoted_version_is_swapped_in_without_a_failed_request(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        expected = {}
        for seed in (0, 1):
            model = language_model(seed)
            positions = model.positions([model.encode(["今天", "天气"])])
            expected[f"v{seed}"] = model.scorer.exact(positions[:, 0], model.scorer.contexts(positions[:, 1:])).sum()
        swapped, seen = asyncio.Event(), []

        async def ask() -> None:
            after = 0
            while after < 5:
                found = await server.post("/v1/score", {"sentences": ["今天天气"]})
                assert found["sentences"][0]["log_probability"] == pytest.approx(expected[found["model"]], abs=1e-4)
                seen.append(found["model"])
                after += swapped.is_set()

        asking = [asyncio.create_task(ask()) for _ in range(8)]
        await server.until(lambda: len(seen) > 20)
        promote(server.store, "v1", seed=1)
        await server.until_version("v1")
        swapped.set()
        await asyncio.gather(*asking)
        assert seen[0] == "v0"
        assert seen[-1] == "v1"
        text = (await server.get("/metrics"))[1]
        assert 'version="v1"' in text
        assert 'version="v0"' not in text


async def test_rolling_back_is_followed_too(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        promote(server.store, "v1", seed=1)
        await server.until_version("v1")
        registry.rollback(server.store, "models/")
        await server.until_version("v0")


@pytest.mark.parametrize(
    ("key", "data", "reason"),
    [
        ("models/v1/numpy/model.npz", b"corrupt", "checksum is not the manifest's"),
        ("models/v1/manifest.json", b"{}", "not the one that the pointer names"),
        ("models/current.json", b"{not json", "is not JSON"),
        ("models/current.json", b"[]", "holds a list"),
        ("models/current.json", b'{"version": "v9", "manifest_sha256": "0"}', "no version v9"),
    ],
)
async def test_what_is_corrupt_or_unknown_leaves_the_good_model_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str, data: bytes, reason: str
) -> None:
    async with client(tmp_path) as server:
        pointer = upload(server.store, "v1", numpy_model(1))
        server.store.put(key, data)
        if not key.endswith("current.json"):
            put_json(server.store, "models/current.json", pointer)
        await failures(server)
        assert reason in caplog.text
        assert await version(server) == "v0"
        assert (await server.get("/readyz"))[0] == 200


async def test_a_pointer_that_came_before_its_files_is_followed_once_they_are_there(tmp_path: Path) -> None:
    """Replication keeps no order."""
    async with client(tmp_path) as server:
        elsewhere = DirectoryStore(tmp_path / "elsewhere")
        pointer = promote(elsewhere, "v1", seed=1)
        put_json(server.store, "models/current.json", pointer)
        await failures(server)
        server.store.put("models/v1/manifest.json", elsewhere.get("models/v1/manifest.json"))
        await failures(server, await server.metric("serving_model_load_failures_total"))
        assert await version(server) == "v0"
        server.store.put("models/v1/numpy/model.npz", elsewhere.get("models/v1/numpy/model.npz"))
        await server.until_version("v1")


async def test_a_model_that_scores_otherwise_than_at_its_export_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(tmp_path) as server:
        pointer = upload(server.store, "v1", numpy_model(1))
        manifest = json.loads(server.store.get(pointer["manifest"]))
        manifest["probe"]["logits"][0][0] += 0.01
        data = put_json(server.store, pointer["manifest"], manifest)
        put_json(server.store, "models/current.json", {**pointer, "manifest_sha256": registry.checksum(data)})
        await failures(server)
        assert "scores its probe otherwise" in caplog.text
        assert await version(server) == "v0"


class AwayStore(DirectoryStore):
    """A bucket that can't be reached."""

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        raise StoreError("the bucket is away")


async def test_while_the_bucket_is_away_the_model_stays_and_a_restart_takes_the_cached_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = str(tmp_path / "cache")
    async with client(tmp_path / "store", cache_directory=cache) as server:
        promote(server.store, "v1", seed=1)
        await server.until_version("v1")
        monkeypatch.setattr(server.store, "get", AwayStore(tmp_path).get)
        await failures(server)
        assert await version(server) == "v1"
    monkeypatch.undo()
    assert not DirectoryStore(tmp_path / "cache").list("v0/"), "only the last good one is kept"
    monkeypatch.setattr("tests.unit.trainer.serving.harness.DirectoryStore", AwayStore)
    async with client(tmp_path / "away", version=None, cache_directory=cache) as server:
        await server.until_version("v1")
        assert (await server.get("/readyz"))[0] == 200


async def test_a_version_with_ngrams_answers_with_the_mixture_and_is_cached_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = str(tmp_path / "cache")
    model = LanguageModel("mixed", FITTED.served)
    positions = model.positions([model.encode(["今天", "天气"])])
    expected = model.scorer.exact(positions[:, 0], model.scorer.contexts(positions[:, 1:])).sum()
    async with client(tmp_path / "store", cache_directory=cache) as server:
        upload(server.store, "mixed", numpy_model(), more=files_of(FITTED))
        registry.promote(server.store, "models/", "mixed", "a test's")
        await server.until_version("mixed")
        found = await server.post("/v1/score", {"sentences": ["今天天气"]})
        assert found["sentences"][0]["log_probability"] == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr("tests.unit.trainer.serving.harness.DirectoryStore", AwayStore)
    async with client(tmp_path / "away", version=None, cache_directory=cache) as server:
        await server.until_version("mixed")
        again = await server.post("/v1/score", {"sentences": ["今天天气"]})
        assert again["sentences"][0]["log_probability"] == pytest.approx(expected, abs=1e-6)
