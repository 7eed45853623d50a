"""Who shares a pass, who waits for whom; that batches change no result is shown in test_work."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.unit.trainer.models import language_model
from trainer.config import BatchLimits
from trainer.data.vocabulary import Ids
from trainer.serving.batching import Batcher
from trainer.serving.metrics import Metrics

MODEL, OTHER = language_model(0), language_model(1)


def positions(rows: int) -> Ids:
    return np.random.default_rng(rows).integers(0, len(MODEL.vocabulary), (rows, 4), dtype=np.int32)


@pytest.mark.parametrize("threads", [1, 2])
async def test_a_long_request_keeps_no_short_one_waiting_for_all_of_it(threads: int) -> None:
    ended: list[str] = []
    async with Batcher(BatchLimits(positions=128, threads=threads), Metrics()) as batcher:

        async def score(name: str, rows: int) -> None:
            await batcher.score(MODEL, positions(rows), exact=True)
            ended.append(name)

        long = asyncio.create_task(score("long", 400))
        await asyncio.sleep(0)
        await asyncio.gather(long, *(score("short", 1) for _ in range(3)))
    assert ended == ["short", "short", "short", "long"]


async def test_a_request_in_pieces_is_put_together_in_order() -> None:
    given = positions(333)
    contexts = MODEL.scorer.contexts(given[:, 1:])
    async with Batcher(BatchLimits(positions=64), Metrics()) as batcher:
        exact = await batcher.score(MODEL, given, exact=True)
        estimated = await batcher.score(MODEL, given, exact=False)
    assert np.abs(exact - MODEL.scorer.exact(given[:, 0], contexts)).max() < 1e-9
    assert np.array_equal(estimated, MODEL.scorer.estimated(given[:, 0], contexts))


async def test_what_waits_together_shares_a_pass_but_never_across_models() -> None:
    metrics = Metrics()
    async with Batcher(BatchLimits(), metrics) as batcher:
        both = [batcher.score(model, positions(3), exact=False) for model in (MODEL, MODEL, OTHER, OTHER)]
        first, _, third, _ = await asyncio.gather(*both)
    assert not np.array_equal(first, third)
    text = metrics.text().decode()
    assert "serving_batch_requests_count 2.0" in text
    assert "serving_batch_requests_sum 4.0" in text


async def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    metrics = Metrics()
    async with Batcher(BatchLimits(), metrics) as batcher:
        given_up = asyncio.create_task(batcher.score(MODEL, positions(5), exact=False))
        await asyncio.sleep(0)
        given_up.cancel()
        await batcher.score(MODEL, positions(2), exact=False)
    assert "serving_batch_positions_sum 2.0" in metrics.text().decode()
