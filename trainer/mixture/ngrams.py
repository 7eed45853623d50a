"""An n-gram model: interpolated Kneser-Ney with three discounts an order, as arrays.

    P_n(w | c) = (a(c w) - D_n(a(c w))) / a(c .)  +  gamma_n(c) P_{n-1}(w | c less its first word)

a: how often the n-gram was seen at the highest order and where it begins a sentence, and otherwise how many different
words were seen before it (Kneser & Ney 1995); D_n: by the count, 1, 2, and 3 or more (Chen & Goodman 1998, eq. 26,
"modified"); gamma_n(c): what the discounts took, so that all words sum to 1. The recursion ends at the even
distribution. A context never reaches over a sentence's beginning: its first word is a boundary at the most.

`python -m benchmarks.perplexity` compares it with KenLM's.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import BOUNDARY_ID, Ids
from trainer.errors import DataError
from trainer.network.examples import windows

Keys = NDArray[np.int64]
Values = NDArray[np.float64]
ORDER = 5
_FEW = 1e-12


@dataclass(frozen=True)
class Order:
    """The n-grams of one length n, by context and word.

    contexts: a context's number is its place here; the key is (number of the context without its first word, among
    those of order n - 1) * V + first word. grams: context's number * V + word; sorted, like the contexts.
    """

    contexts: Keys
    gammas: Values
    """One a context: the weight of the shorter context's distribution."""
    grams: Keys
    shares: Values
    """One an n-gram: the first term of P_n."""


@dataclass(frozen=True)
class NgramModel:
    """All orders, the shortest first."""

    size: int
    """Words of the vocabulary."""
    orders: tuple[Order, ...]

    @property
    def history(self) -> int:
        """Words before that can matter."""
        return len(self.orders) - 1

    def log_probabilities(self, positions: Ids) -> Values:
        """log P of each position's word (column 0) after those before it (column 1 the nearest); more columns than
        `history` are ignored, missing ones are taken for unseen. Shape (positions,)."""
        return np.asarray(np.log(self.scored(positions)[0]), dtype=np.float64)

    def scored(self, positions: Ids) -> tuple[Values, Keys]:
        """P of each position's word, and what `longest` says of the position."""
        word = positions[:, 0].astype(np.int64)
        found = np.full(len(word), 1.0 / self.size)
        longest = np.full(len(word), -1)
        for order, context in zip(self.orders, self.contexts(positions), strict=False):
            known = context >= 0
            longest += known
            gamma = np.where(known, order.gammas[np.maximum(context, 0)], 1.0)
            found *= gamma
            place, seen = _find(order.grams, context * self.size + word, known)
            found[seen] += order.shares[place[seen]]
        return found, longest

    def contexts(self, positions: Ids) -> list[Keys]:
        """Each position's context in each order, -1 where it was never seen or would reach over the beginning."""
        found = [np.zeros(len(positions), dtype=np.int64)]
        within = np.ones(len(positions), dtype=bool)
        for number, order in enumerate(self.orders[1:], start=1):
            if number >= positions.shape[1]:
                break
            first = positions[:, number].astype(np.int64)
            place, seen = _find(order.contexts, found[-1] * self.size + first, within & (found[-1] >= 0))
            found.append(np.where(seen, place, -1))
            within = within & (first != BOUNDARY_ID)
        return found

    def longest(self, positions: Ids) -> NDArray[np.int64]:
        """How many of the words before were seen together, 0 to `history`; shape (positions,)."""
        return np.asarray(sum((context >= 0).astype(np.int64) for context in self.contexts(positions)) - 1)

    def distribution(self, before: Ids) -> Values:
        """P(w | words before, nearest first) of every word; shape (V,)."""
        position = np.concatenate([np.zeros(1, dtype=np.int32), before])[np.newaxis]
        found = np.full(self.size, 1.0 / self.size)
        for order, (context,) in zip(self.orders, self.contexts(position), strict=False):
            if context < 0:
                break
            found *= order.gammas[context]
            start, end = np.searchsorted(order.grams, [context * self.size, (context + 1) * self.size])
            found[order.grams[start:end] - context * self.size] += order.shares[start:end]
        return found

    def to_bytes(self) -> bytes:
        """A compressed .npz; the same model gives the same bytes. Probabilities become 32-bit."""
        arrays: dict[str, Any] = {"shape": np.array([self.size, len(self.orders)])}
        for number, order in enumerate(self.orders):
            for name, values in vars(order).items():
                arrays[f"{name}_{number}"] = values.astype(np.float32) if values.dtype == np.float64 else values
        target = io.BytesIO()
        np.savez_compressed(target, **arrays)
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> NgramModel:
        """Raises DataError if the file is cut, of another kind, or its parts don't belong together."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as members:
                size, count = (int(value) for value in members["shape"])
                names = ("contexts", "gammas", "grams", "shares")
                orders = tuple(Order(*(members[f"{name}_{number}"] for name in names)) for number in range(count))
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"not an n-gram model: {' '.join(str(error).split())[:200]}") from error
        for number, order in enumerate(orders):
            fits = len(order.contexts) == len(order.gammas) and len(order.grams) == len(order.shares)
            if not (fits and np.isfinite(order.gammas).all() and np.isfinite(order.shares).all()):
                raise DataError(f"the n-grams of {number + 1} words hold NaN or tables of other lengths; train again")
        return cls(size, orders)

    @classmethod
    def train(cls, sentences: Sequence[Ids], size: int, order: int = ORDER, least: int = 1) -> NgramModel:
        """Count and discount.

        least: n-grams of three and more words whose count is less are left out, and their share is given to the shorter
        context; 2 makes the model five times smaller. Raises DataError for text without a sentence.
        """
        if not len(sentences):
            raise DataError("no sentence to count; an n-gram model needs text")
        positions = windows(sentences, max(order - 1, 1))
        lengths = np.fromiter((len(sentence) + 1 for sentence in sentences), dtype=np.int64)
        place = np.arange(len(positions)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        contexts = [_Contexts(np.zeros(1, dtype=np.int64), np.zeros(len(positions), dtype=np.int64))]
        for number in range(1, order):
            contexts.append(_longer(contexts[-1], positions[:, number], place >= number - 1, size))
        made: list[Order] = []
        for number in range(order):
            kept = 1 if number < 2 else least
            longer = contexts[number + 1].of_position if number + 1 < order else None
            made.append(_order(contexts[number], longer, positions, place == number - 1, size, kept))
        return cls(size, tuple(made))


@dataclass(frozen=True)
class _Contexts:
    keys: Keys
    of_position: Keys
    """Of every position of the text: its context's number, -1 if that would reach over the beginning."""


def _longer(shorter: _Contexts, first: Ids, exists: NDArray[np.bool_], size: int) -> _Contexts:
    keys, numbers = np.unique(shorter.of_position[exists] * size + first[exists], return_inverse=True)
    of_position = np.full(len(exists), -1, dtype=np.int64)
    of_position[exists] = numbers
    return _Contexts(keys, of_position)


def _order(
    contexts: _Contexts, longer: Keys | None, positions: Ids, begins: NDArray[np.bool_], size: int, least: int
) -> Order:
    """One order's n-grams. longer: the next order's contexts by position; begins: where a sentence's first is."""
    exists = contexts.of_position >= 0
    keys, numbers = np.unique(
        contexts.of_position[exists] * size + positions[exists, 0].astype(np.int64), return_inverse=True
    )
    if longer is None:
        counts = np.bincount(numbers, minlength=len(keys))
    else:
        counts = np.bincount(numbers[begins[exists]], minlength=len(keys))
        extended = longer[exists] >= 0
        # Each longer n-gram once: its context and its word say which it is.
        longer_keys = longer[exists][extended] * size + positions[exists, 0][extended]
        _, first = np.unique(longer_keys, return_index=True)
        counts = counts + np.bincount(numbers[extended][first], minlength=len(keys))
    owner = keys // size
    totals = np.bincount(owner, counts, minlength=len(contexts.keys))
    shares = (counts - discounts(counts)[np.minimum(counts, 3)]) / totals[owner]
    kept = counts >= least
    gammas = 1.0 - np.bincount(owner[kept], shares[kept], minlength=len(contexts.keys))
    return Order(contexts.keys, np.maximum(gammas, _FEW), keys[kept], shares[kept])


def discounts(counts: Keys) -> Values:
    """What is taken from a count of 0, 1, 2, and 3 or more (Chen & Goodman 1998, eq. 26); Y = n1 / (n1 + 2 n2).

    Where a number of n-grams that it needs is 0, as in very little text, or a discount falls out of its range: KenLM's
    fallback, 0.5, 1 and 1.5.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == number)) for number in range(1, 5))
    fallback = np.array([0.0, 0.5, 1.0, 1.5])
    if not (n1 and n2 and n3):
        return fallback
    y = n1 / (n1 + 2 * n2)
    found = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return found if (found >= 0).all() and (found <= [0, 1, 2, 3]).all() else fallback


def _find(keys: Keys, wanted: Keys, valid: NDArray[np.bool_]) -> tuple[Keys, NDArray[np.bool_]]:
    """Places of the wanted keys, and which of them are there (and valid)."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, valid & (keys[place] == wanted)
