"""Tasks are ranges of sentences of the text shards; a worker reads just its own task's bytes from the bucket."""

from __future__ import annotations

import functools
import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from elasticdl.python.common.constants import Mode
from elasticdl.python.data.reader.data_reader import AbstractDataReader

from trainer.config import TrainingJob
from trainer.data.dataset import Dataset
from trainer.data.partition import Part
from trainer.data.vocabulary import Vocabulary
from trainer.elasticdl import context
from trainer.errors import SettingsError
from trainer.network.examples import ExampleMaker
from trainer.network.runs import RunMaker, Text


class TextReader(AbstractDataReader):  # type: ignore[misc]
    """Shards by name and number of sentences; records are sentences.

    A lost worker costs the master its unfinished tasks only: another one reads the same ranges again.
    """

    def __init__(self, dataset: Dataset, job: TrainingJob, part: Part) -> None:
        super().__init__()
        self._dataset = dataset
        self._job = job
        self._part = part

    def create_shards(self) -> dict[str, tuple[int, int]]:
        """Name -> (first sentence, how many). Of the held-out text only as much as an evaluation during training takes:
        the finished model is measured on more by itself, and every held-out task stops a worker."""
        left = self._job.schedule.evaluation_sentences if self._part == "valid" else None
        shards: dict[str, tuple[int, int]] = {}
        for shard in self._dataset.manifest.of(self._part):
            count = shard.sentences if left is None else min(left, shard.sentences)
            if count:
                shards[shard.name] = (0, count)
            left = None if left is None else left - count
        return shards

    def read_records(self, task: Any) -> Iterator[bytes]:
        for line in self._dataset.lines(task.shard_name, task.start, task.end):
            yield line.encode()

    @property
    def records_output_types(self) -> Any:
        return tf.string


def part_of(data_origin: str) -> Part:
    """Which part a path like oss://bucket/data/train* means."""
    name = data_origin.rsplit("/", 1)[-1]
    parts: tuple[Part, Part] = ("train", "valid")
    for part in parts:
        if name.startswith(part):
            return part
    raise SettingsError(f"{data_origin}: the last part of the path has to begin with 'train' or 'valid'")


class SentenceBatches:
    """What `dataset_fn` returns for an evaluation. ElasticDL calls `batch` on it, and counts what it did in records
    (sentences); so the sentences have to stay whole until then, and become rows of words and windows only there."""

    def __init__(self, lines: Any, vocabulary: Vocabulary, maker: ExampleMaker) -> None:
        self._lines = lines
        self._vocabulary = vocabulary
        self._maker = maker

    def batch(self, size: int) -> Any:
        """Batches of so many sentences, as (context_ids, labels)."""
        make = functools.partial(tf.numpy_function, self._make, Tout=(tf.int32, tf.int32))
        return self._lines.batch(size).map(lambda lines: self._shaped(*make([lines])))

    def _make(self, lines: Any) -> tuple[Any, Any]:
        sentences = [self._vocabulary.encode(line.decode()) for line in np.atleast_1d(lines)]
        made = self._maker.batch(sentences)
        return made.context_ids, made.labels

    def _shaped(self, context_ids: Any, labels: Any) -> tuple[Any, Any]:
        return tf.ensure_shape(context_ids, (None, 1 + self._maker.window)), tf.ensure_shape(labels, (None,))


class Records:
    """What a worker's `get_dataset` returns for training, in the place of a TensorFlow dataset: sentences one after the
    other, each handed over for nothing. A dataset made from a generator takes 40 microseconds for each, which of a
    minibatch is as much as its arithmetic."""

    def __init__(self, generate: Callable[[], Iterator[bytes]]) -> None:
        self.generate = generate
        self.ended = False
        """Whether the last one was taken out of the last batch."""


class TextBatches:
    """What `dataset_fn` returns for training. ElasticDL calls `batch` and `prefetch` on it and goes through it."""

    def __init__(self, records: Records, vocabulary: Vocabulary, maker: RunMaker) -> None:
        self._records = records
        self._vocabulary = vocabulary
        self._maker = maker
        self._size = self._ahead = 1

    def batch(self, size: int) -> TextBatches:
        """So many sentences each; the last one has what is left."""
        self._size = size
        return self

    def prefetch(self, count: int) -> TextBatches:
        """Make so many in advance, in a thread."""
        self._ahead = count
        return self

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """(the arrays of a `RunBatch`, how many positions count)"""
        yield from in_advance(self._made(), self._ahead)
        self._records.ended = True

    def _made(self) -> Iterator[tuple[tuple[Any, ...], Any]]:
        lines = self._records.generate()
        # The number is the salt: other noise words for the same sentences next time.
        for number in itertools.count(1):
            sentences = [self._vocabulary.encode(line.decode()) for line in itertools.islice(lines, self._size)]
            if not sentences:
                return
            arrays = self._maker.batch(Text(sentences), number).arrays()
            yield arrays, arrays[-1]


def in_advance(items: Iterator[Any], count: int) -> Iterator[Any]:
    """The same items, so many of which are made in a thread before they are asked for. An error in making one is raised
    where it would have been."""
    made: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(count)
    end = object()

    def make() -> None:
        try:
            for item in items:
                made.put((item, None))
            made.put((end, None))
        except BaseException as error:  # whatever it is, it belongs to who iterates
            made.put((end, error))

    threading.Thread(target=make, name="batches", daemon=True).start()
    while True:
        item, error = made.get()
        if error is not None:
            raise error
        if item is end:
            return
        yield item


def custom_data_reader(data_origin: str, records_per_task: int | None = None, **_: Any) -> TextReader:
    """ElasticDL's hook: the master asks it for the shards, the workers for the records."""
    return TextReader(context.dataset(), context.current().job, part_of(data_origin))


def dataset_fn(dataset: Any, mode: str | None, _metadata: Any) -> TextBatches | SentenceBatches:
    """ElasticDL's hook: sentences (as bytes) -> what a training step or an evaluation takes. `dataset`: `Records` for
    training, a TensorFlow dataset for an evaluation."""
    if mode == Mode.TRAINING:
        return TextBatches(dataset, context.vocabulary(), context.run_maker())
    return SentenceBatches(dataset, context.vocabulary(), context.example_maker())
