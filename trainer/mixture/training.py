"""From a trained network to the mixture that the package offers: counting, Baum-Welch, and the weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from trainer.data.vocabulary import Ids
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.model import HeldOut, MixtureModel
from trainer.mixture.ngrams import NgramModel
from trainer.network.numpy_form import NumpyModel

LOG = logging.getLogger("trainer.mixture.model")


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
