"""Models for tests: random weights over a small vocabulary, registered as the publisher does it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from trainer.answers.language_model import LanguageModel
from trainer.config import ModelSettings
from trainer.data.vocabulary import BOUNDARY, UNKNOWN, Vocabulary
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import Weights
from trainer.registry import versions as registry
from trainer.storage.object_store import ObjectStore

TEXT = (
    "我 你 他 今天 天气 很 好 不 吃 苹果 喜欢 北京 大学 大 学 学生 生活 。 , ? ! <number> 年 和 的 了 在 是 人民 银行"
)
WORDS = TEXT.split()
SETTINGS = ModelSettings(vocabulary_size=100, embedding_dimension=6, hidden_dimension=10, window=3)


@cache
def numpy_model(seed: int = 0, words: tuple[str, ...] = tuple(WORDS)) -> NumpyModel:
    """Weights as training might leave them; the counts fall from the first word to the last."""
    draw = np.random.default_rng(seed)

    def array(*shape: int) -> np.ndarray:
        return draw.normal(0, 0.35, shape).astype(np.float32)

    size = len(words) + 2
    vocabulary = Vocabulary((UNKNOWN, BOUNDARY, *words), (9, 50, *range(10 + len(words), 10, -1)))
    weights = Weights(array(size, 6), array(size, 6), 1 + array(3, 6), array(6, 10), array(10), array(10, 2), array(2))
    return NumpyModel(weights, vocabulary, SETTINGS)


def language_model(seed: int = 0) -> LanguageModel:
    return LanguageModel(f"v{seed}", numpy_model(seed))


def upload(
    store: ObjectStore,
    version: str,
    model: NumpyModel,
    perplexity: float = 100.0,
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> registry.Pointer:
    """A whole version, neither announced nor promoted, with the probe that a publisher adds; `more`: other files."""
    ids = np.arange(8, dtype=np.int32).reshape(2, 4)
    probe = {"context_ids": ids.tolist(), "logits": model.weights.logits(ids).tolist()}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / registry.NUMPY_FORM
        path.parent.mkdir()
        path.write_bytes(model.to_bytes())
        for file, data in more.items():
            (Path(name) / file).parent.mkdir(exist_ok=True)
            (Path(name) / file).write_bytes(data)
        described = {"run": version, "data_version": "d", "probe": probe}
        return registry.upload(store, "models/", version, Path(name), described, {"network": perplexity})


def promote(store: ObjectStore, version: str, seed: int = 0) -> registry.Pointer:
    upload(store, version, numpy_model(seed))
    return registry.promote(store, "models/", version, "a test's")
