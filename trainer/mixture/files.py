"""The mixture's files in a version's folder; reading needs no TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from trainer.errors import DataError
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.interpolation import ServedModel
from trainer.mixture.model import MixtureModel, Values
from trainer.mixture.ngrams import NgramModel
from trainer.network.numpy_form import NumpyModel
from trainer.registry.versions import NUMPY_FORM

NGRAMS, HIDDEN_MARKOV, WEIGHTS = "mixture/ngrams.npz", "mixture/hidden_markov.npz", "mixture/weights.json"
_ALL, _SERVED = "weights_by_words_seen_together", "served_weights_by_words_seen_together"

Read = Callable[[str], bytes]
"""A file's bytes, by its name in the folder."""


def files_of(mixture: MixtureModel) -> dict[str, bytes]:
    """What a version's folder holds beside the network, by name."""
    found = {NGRAMS: mixture.ngrams.to_bytes(), WEIGHTS: weights_text(mixture).encode()}
    if mixture.hidden_markov is not None:
        found[HIDDEN_MARKOV] = mixture.hidden_markov.to_bytes()
    return found


def read_mixture(network: NumpyModel, names: Sequence[str], read: Read) -> MixtureModel:
    """All parts of a version. `names`: its files. Raises DataError if one is missing or wrong."""
    hidden = HiddenMarkovModel.from_bytes(read(HIDDEN_MARKOV)) if HIDDEN_MARKOV in names else None
    weights, served = read_weights(read(WEIGHTS).decode())
    return MixtureModel(network, NgramModel.from_bytes(read(NGRAMS)), hidden, weights, served)


def read_served(names: Sequence[str], read: Read) -> ServedModel:
    """What a server needs of a version. `names`: its files. Raises DataError if one is missing or wrong."""
    network = NumpyModel.from_bytes(read(NUMPY_FORM))
    if NGRAMS not in names:
        return ServedModel(network)
    _, served = read_weights(read(WEIGHTS).decode())
    return ServedModel(network, NgramModel.from_bytes(read(NGRAMS)), served)


def served_files(names: Sequence[str]) -> list[str]:
    """Those of a version's files that `read_served` reads."""
    return [name for name in (NUMPY_FORM, NGRAMS, WEIGHTS) if name in names]


def weights_text(mixture: MixtureModel) -> str:
    """The weights, and what they belong to. Raises DataError before they were fitted."""
    if mixture.weights is None or mixture.served_weights is None:
        raise DataError("the mixture's weights were not fitted yet")
    content = {
        "parts": mixture.names,
        _ALL: mixture.weights.round(12).tolist(),
        "served_parts": mixture.names[:2],
        _SERVED: mixture.served_weights.round(12).tolist(),
    }
    return json.dumps(content, indent=2) + "\n"


def read_weights(text: str) -> tuple[Values, Values]:
    """What `weights_text` wrote: of all parts, and of those that a server mixes. Raises DataError if it is none."""
    try:
        content = json.loads(text)
        found, served = (np.asarray(content[name], dtype=np.float64) for name in (_ALL, _SERVED))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"not a mixture's weights: {error!r}") from error
    for weights in (found, served):
        if weights.ndim != 2 or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum(axis=1).all()):
            raise DataError("a mixture's weights hold a row that is no distribution; publish the model again")
    return found / found.sum(axis=1, keepdims=True), served / served.sum(axis=1, keepdims=True)
