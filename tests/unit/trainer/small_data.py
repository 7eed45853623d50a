"""A little language to train on: real enough that a model can beat counting, small enough for a second."""

from __future__ import annotations

import random

from trainer.config import TrainingJob
from trainer.data.dataset import Manifest
from trainer.data.dataset_writer import write_dataset
from trainer.data.partition import Split, split
from trainer.data.vocabulary import Vocabulary
from trainer.storage.object_store import ObjectStore

SUBJECTS, VERBS, OBJECTS = list("我你他她猫狗鸟人"), list("爱看吃怕找"), list("鱼山水书花草月云")


def sentences(count: int, seed: int = 1) -> list[str]:
    """Subject, verb, object: the subject says which two objects are possible."""
    draw = random.Random(seed)  # noqa: S311 - a text, not a secret
    made = []
    for number in range(count):
        index = draw.randrange(len(SUBJECTS))
        chosen = OBJECTS[(index + draw.randrange(2)) % len(OBJECTS)]
        made.append(f"第 {number} {SUBJECTS[index]} {draw.choice(VERBS)} {chosen} 。")
    return made


def small_split(count: int = 600) -> Split:
    return split(sentences(count), percent=20)


def upload(store: ObjectStore, count: int = 600) -> Manifest:
    """A data set below data/."""
    found = small_split(count)
    vocabulary = Vocabulary.count(found.train, 100)
    return write_dataset(store, "data/", found, vocabulary, {"package": "none"})[0]


def job(**changes: object) -> TrainingJob:
    """Settings that fit it."""
    settings: dict[str, object] = {
        "business": "qa",
        "namespace": "qa",
        "region": "cn-hangzhou",
        "image": "registry.example/trainer:1",
        "bucket": "qa-data",
        "model": {
            "vocabulary_size": 100,
            "embedding_dimension": 8,
            "hidden_dimension": 16,
            "window": 2,
            "dropout": 0.0,
            "l2_penalty": 0.0,
            "learning_rate": 0.02,
        },
        "schedule": {"epochs": 3, "minibatch_size": 16, "evaluation_steps": 5, "records_per_task": 32},
    }
    return TrainingJob.model_validate({**settings, **changes})
