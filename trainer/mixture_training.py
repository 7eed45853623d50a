"""From a trained network to the mixture that the package offers: counting, Baum-Welch, and the weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture import HeldOut, MixtureModel, read_weights
from trainer.ngrams import NgramModel
from trainer.numpy_form import NumpyModel
from trainer.vocabulary import Ids

LOG = logging.getLogger("trainer.mixture")
NGRAMS_FILE, HIDDEN_MARKOV_FILE, WEIGHTS_FILE = (
    "mixture/ngrams.npz",
    "mixture/hidden_markov.npz",
    "mixture/weights.json",
)


def train_mixture(
    network: NumpyModel, train: Sequence[Ids], valid: Sequence[Ids], limit: int, seed: int = 0
) -> MixtureModel:
    """The mixture with its weights. `limit`: positions of the validation part that the weights are fitted on."""
    settings = network.settings
    ngrams = NgramModel.train(train, len(network.vocabulary), settings.ngram_order)
    hidden_markov = None
    if settings.hidden_classes:
        # TensorFlow, which is not needed otherwise.
        from trainer.hidden_markov.training import fit  # noqa: PLC0415

        start = HiddenMarkovModel.start(network.vocabulary.counts, settings.hidden_classes, seed)
        fitted = fit(start, train, valid, report=lambda at, nats: LOG.info("Baum-Welch %d: %.4f nats a word", at, nats))
        hidden_markov = fitted.model
    mixture = MixtureModel(network, ngrams, hidden_markov)
    return mixture.fitted(HeldOut.of(mixture, valid, limit))


def files_of(mixture: MixtureModel) -> dict[str, bytes]:
    """What a version's folder holds beside the network, by name."""
    found = {NGRAMS_FILE: mixture.ngrams.to_bytes(), WEIGHTS_FILE: mixture.weights_json().encode()}
    if mixture.hidden_markov is not None:
        found[HIDDEN_MARKOV_FILE] = mixture.hidden_markov.to_bytes()
    return found


def read_mixture(network: NumpyModel, names: Sequence[str], read: Callable[[str], bytes]) -> MixtureModel:
    """A version's mixture. `names`: its files; `read`: a file's bytes. Raises DataError if one is missing or wrong."""
    hidden = HiddenMarkovModel.from_bytes(read(HIDDEN_MARKOV_FILE)) if HIDDEN_MARKOV_FILE in names else None
    ngrams = NgramModel.from_bytes(read(NGRAMS_FILE))
    return MixtureModel(network, ngrams, hidden, read_weights(read(WEIGHTS_FILE).decode()))
