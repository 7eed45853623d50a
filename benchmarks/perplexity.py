"""Perplexity of the test part: each part of the promoted model by itself, their mixture, and KenLM's Kneser-Ney 5-gram.

    .venv-trainer/bin/python -m benchmarks.perplexity --store STORE

STORE holds the data set and the registry (`python -m trainer prepare`, then `python -m trainer train --publish`). All
models know the same words, are made of the same training text and are measured on the same words of the test part. The
mixture's weights were fitted on the validation part. KenLM is built at the first call: benchmarks/kenlm.py.

Where the version has a hidden Markov model, the network is trained again, with the same settings and that model's
classes beside its window: what they bring, alone and in the mixture.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np

from benchmarks import kenlm
from trainer.config import ScheduleSettings
from trainer.data.dataset import Dataset
from trainer.data.partition import PARTS
from trainer.data.vocabulary import Ids
from trainer.errors import TrainerError
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.baselines import BigramModel, UnigramModel, perplexity
from trainer.mixture.counts import CooccurrenceCounts
from trainer.mixture.files import read_mixture
from trainer.mixture.model import MIXTURE, NETWORK, NGRAMS, HeldOut, MixtureModel
from trainer.network.export import numpy_model
from trainer.network.numpy_form import NumpyModel
from trainer.network.training import train as train_network
from trainer.network.training import use_threads
from trainer.registry import versions as registry
from trainer.storage.object_store import ObjectStore, open_store

ORDER = 5
REFERENCE = f"KenLM, Kneser-Ney {ORDER}-gram"
MODEL_PREFIX, DATA_PREFIX = "models/", "data/"
WITH_CLASSES = "with class features"


def promoted(store: ObjectStore) -> tuple[registry.Version, MixtureModel]:
    """The version that servers use, and all parts of it."""
    pointer = registry.current(store, MODEL_PREFIX)
    if pointer is None:
        raise TrainerError(f"no model was promoted in {store.address}{MODEL_PREFIX}; python -m trainer train --publish")
    version = registry.open_version(store, MODEL_PREFIX, pointer["version"], pointer["manifest_sha256"])
    network = NumpyModel.from_bytes(version.read(registry.NUMPY_FORM))
    return version, read_mixture(network, version.names, version.read)


def with_classes(
    version: registry.Version,
    model: MixtureModel,
    hidden_markov: HiddenMarkovModel,
    train: Sequence[Ids],
    valid: Sequence[Ids],
) -> MixtureModel:
    """The mixture with a network that was trained as the version's was and takes the classes beside its window."""
    network, schedule = model.network, ScheduleSettings.model_validate(version.manifest["settings"]["schedule"])
    use_threads(1)
    trained = train_network(
        network.settings, schedule, network.vocabulary, train, features=hidden_markov.features
    ).model
    mixture = MixtureModel(numpy_model(trained, network.settings, network.vocabulary), model.ngrams, hidden_markov)
    return mixture.fitted(HeldOut.of(mixture, valid, schedule.evaluation_positions))


def measure(store: ObjectStore, limit: int) -> bool:
    """Print the table; whether the best that the package offers is better than the reference."""
    version, model = promoted(store)
    vocabulary, settings = model.network.vocabulary, model.network.settings
    dataset = Dataset(store, DATA_PREFIX)
    train, valid, test = (dataset.sentences(part, vocabulary) for part in PARTS)
    text = HeldOut.of(model, test, limit)
    by_part = model.log_probabilities(text)
    found = dict(zip(model.names, by_part.T, strict=True))
    found[MIXTURE] = model.mixed(text)
    if model.hidden_markov is not None:
        taking = with_classes(version, model, model.hidden_markov, train, valid)
        found[f"{NETWORK} {WITH_CLASSES}"] = taking.log_probabilities(text)[:, 0]
        found[f"{MIXTURE} {WITH_CLASSES}"] = taking.mixed(text)
    pairs = CooccurrenceCounts.of(train, len(vocabulary), 1)
    unigram = UnigramModel(vocabulary, settings.smoothing)
    bigram = BigramModel(pairs, vocabulary, settings.smoothing, interpolated=True)
    found |= {baseline.name: baseline.log_probabilities(text.positions) for baseline in (unigram, bigram)}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        theirs = kenlm.log_probabilities(train, test, ORDER, Path(folder), kenlm.build())
    chosen = np.arange(len(theirs)) if len(theirs) <= limit else np.linspace(0, len(theirs) - 1, limit).astype(np.int64)
    seconds = time.monotonic() - begun
    found[REFERENCE] = theirs[chosen]
    print(f"{version.name}, data {dataset.manifest.version}:")
    print(f"{len(train):,} training sentences, {len(vocabulary):,} words in the vocabulary;")
    print(f"{len(text.positions):,} of {len(theirs):,} words of the test part; KenLM took {seconds:.0f} s")
    reference = perplexity(found[REFERENCE])
    print(f"{'':<30}{'perplexity':>12}{'nats a word':>14}{'of KenLM':>10}")
    for part, values in sorted(found.items(), key=lambda item: -item[1].mean()):
        value = perplexity(values)
        print(f"{part:<30}{value:>12.2f}{-values.mean():>14.4f}{value / reference:>10.3f}")
    if settings.ngram_order == ORDER:
        furthest = np.abs(found[NGRAMS] - found[REFERENCE]).max()
        print(f"our n-grams and KenLM's differ by at most {furthest:.1e} nats at a word")
    best = min(perplexity(found[part]) for part in (*model.names, MIXTURE))
    print(f"goal: below KenLM's {reference:.2f}; the best that a model's folder holds has {best:.2f}")
    return best < reference


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Each part's perplexity beside KenLM's Kneser-Ney 5-gram.")
    parser.add_argument("--store", required=True, help="the data set and a registry with a promoted model")
    parser.add_argument("--region", default="", help="the bucket's region")
    parser.add_argument("--positions", type=int, default=20_000, help="words of the test part to measure on (20000)")
    options = parser.parse_args()
    try:
        met = measure(open_store(options.store, options.region), options.positions)
    except (TrainerError, kenlm.KenlmError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("met" if met else "not met")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
