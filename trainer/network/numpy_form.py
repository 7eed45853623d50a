"""A trained model as one file of NumPy arrays: what a server loads in a fraction of a second, without TensorFlow.

The file is an uncompressed .npz (a ZIP of .npy members, numpy.lib.format); nothing in it is pickled. Members: the
arrays of `Weights` under their names (`class_kernel` only if the network takes class features); `counts` (V,), how
often the training text has each word; `words`, the vocabulary as UTF-8 with a line feed between words; `settings`, the
model's settings as JSON in UTF-8.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import ValidationError

from trainer.config import ModelSettings
from trainer.data.vocabulary import Vocabulary
from trainer.errors import DataError
from trainer.network.noise import Probabilities, smoothed
from trainer.network.scorer import Scorer, Weights

NAMES = tuple(field.name for field in fields(Weights) if field.name != "class_kernel")


@dataclass(frozen=True)
class NumpyModel:
    """Weights, the words that they belong to, and the settings that they were trained with."""

    weights: Weights
    vocabulary: Vocabulary
    settings: ModelSettings

    @cached_property
    def noise(self) -> Probabilities:
        """The smoothed unigram distribution; shape (V,)."""
        return smoothed(self.vocabulary.counts, self.settings.smoothing)

    @property
    def classes(self) -> int:
        """Class features that the network takes beside its window; 0: none."""
        return 0 if self.weights.class_kernel is None else len(self.weights.class_kernel)

    @property
    def history(self) -> int:
        """Words before that matter: the window."""
        return self.settings.window

    def scorer(self) -> Scorer:
        """Folds the weights: some 20 ms for 30,000 words."""
        return Scorer(self.weights, np.log(self.noise), self.settings.negative_samples)

    def to_bytes(self) -> bytes:
        """The file. The same model gives the same bytes."""
        arrays: dict[str, Any] = {name: getattr(self.weights, name) for name in NAMES}
        if self.weights.class_kernel is not None:
            arrays["class_kernel"] = self.weights.class_kernel
        arrays["counts"] = np.asarray(self.vocabulary.counts, dtype=np.int64)
        arrays["words"] = _text("\n".join(self.vocabulary.words))
        arrays["settings"] = _text(self.settings.model_dump_json())
        target = io.BytesIO()
        np.savez(target, **arrays)
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> NumpyModel:
        """Read the file. Raises DataError if it is cut, of another kind, or its parts don't belong together."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as members:
                arrays = {name: members[name] for name in (*NAMES, "counts", "words", "settings")}
                class_kernel = members.get("class_kernel")
            settings = ModelSettings.model_validate_json(arrays["settings"].tobytes())
            words = tuple(arrays["words"].tobytes().decode().split("\n"))
            vocabulary = Vocabulary(words, tuple(int(count) for count in arrays["counts"]))
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, ValidationError) as error:
            raise DataError(f"not a model in NumPy form: {' '.join(str(error).split())[:200]}") from error
        weights = Weights(**{name: arrays[name] for name in NAMES}, class_kernel=class_kernel)
        model = cls(weights, vocabulary, settings)
        model._require_shapes()
        return model

    def _require_shapes(self) -> None:
        words, dimension, units = (
            len(self.vocabulary),
            self.settings.embedding_dimension,
            self.settings.hidden_dimension,
        )
        expected = {
            "word_table": (words, dimension),
            "window_table": (words, dimension),
            "position_weights": (self.settings.window, dimension),
            "hidden_kernel": (dimension, units),
            "hidden_bias": (units,),
            "output_kernel": (units, 2),
            "output_bias": (2,),
        }
        if self.weights.class_kernel is not None:
            expected["class_kernel"] = (self.classes, dimension)
        for name, shape in expected.items():
            array = getattr(self.weights, name)
            if array.shape != shape or array.dtype != np.float32:
                raise DataError(f"{name} is {array.dtype} of shape {array.shape}; the settings make float32 of {shape}")
            if not np.isfinite(array).all():
                raise DataError(f"{name} holds infinities or NaN; train again")


def _text(value: str) -> Any:
    return np.frombuffer(value.encode(), dtype=np.uint8)
