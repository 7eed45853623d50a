"""From a trained network to the mixture that the package offers: counting, Baum-Welch, and the weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from trainer.data.vocabulary import Ids, Vocabulary
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.model import HeldOut, MixtureModel
from trainer.mixture.ngrams import NgramModel
from trainer.network.numpy_form import NumpyModel

LOG = logging.getLogger("trainer.mixture.model")


def train_hidden_markov(
    vocabulary: Vocabulary, classes: int, train: Sequence[Ids], valid: Sequence[Ids], seed: int = 0
) -> HiddenMarkovModel:
    """Baum-Welch from a start of chance; the validation part says when to end."""
    # TensorFlow, which is not needed otherwise.
    from trainer.hidden_markov.training import fit  # noqa: PLC0415

    start = HiddenMarkovModel.start(vocabulary.counts, classes, seed)
    report = lambda at, nats: LOG.info("Baum-Welch %d: %.4f nats a word", at, nats)  # noqa: E731
    return fit(start, train, valid, report=report).model


def train_mixture(
    network: NumpyModel,
    train: Sequence[Ids],
    valid: Sequence[Ids],
    limit: int,
    seed: int = 0,
    hidden_markov: HiddenMarkovModel | None = None,
) -> MixtureModel:
    """The mixture with its weights. `limit`: positions of the validation part that the weights are fitted on.
    `hidden_markov`: the one that is there already, which gave the network its class features."""
    settings = network.settings
    ngrams = NgramModel.train(train, len(network.vocabulary), settings.ngram_order)
    if settings.hidden_classes and hidden_markov is None:
        hidden_markov = train_hidden_markov(network.vocabulary, settings.hidden_classes, train, valid, seed)
    mixture = MixtureModel(network, ngrams, hidden_markov)
    return mixture.fitted(HeldOut.of(mixture, valid, limit))
