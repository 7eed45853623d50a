"""The file that a server loads: it comes back as it was, or not at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.models import numpy_model
from trainer.errors import DataError
from trainer.network.numpy_form import NAMES, NumpyModel

DATA = numpy_model().to_bytes()


def test_a_model_comes_back_as_it_was_and_its_bytes_are_always_the_same() -> None:
    back = NumpyModel.from_bytes(DATA)
    assert back.vocabulary == numpy_model().vocabulary
    assert back.settings == numpy_model().settings
    for name in NAMES:
        assert np.array_equal(getattr(back.weights, name), getattr(numpy_model().weights, name))
    assert back.to_bytes() == DATA


@given(st.integers(0, len(DATA) - 1))
def test_a_file_cut_anywhere_is_refused(size: int) -> None:
    with pytest.raises(DataError, match="not a model in NumPy form"):
        NumpyModel.from_bytes(DATA[:size])


@given(st.binary(max_size=300))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        NumpyModel.from_bytes(data)


def changed(**arrays: np.ndarray) -> bytes:
    with np.load(io.BytesIO(DATA)) as members:
        whole = {name: members[name] for name in members.files}
    target = io.BytesIO()
    np.savez(target, **{**whole, **arrays})
    return target.getvalue()


def test_parts_that_do_not_belong_together_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"hidden_bias is float32 of shape \(3,\)"):
        NumpyModel.from_bytes(changed(hidden_bias=np.zeros(3, np.float32)))
    with pytest.raises(DataError, match="word_table is float64"):
        NumpyModel.from_bytes(changed(word_table=numpy_model().weights.word_table.astype(np.float64)))
    with pytest.raises(DataError, match="output_bias holds infinities or NaN"):
        NumpyModel.from_bytes(changed(output_bias=np.array([np.nan, 0], np.float32)))
    with pytest.raises(DataError, match=r"class_kernel is float32 of shape \(4, 5\); the settings make .*\(4, 6\)"):
        NumpyModel.from_bytes(changed(class_kernel=np.zeros((4, 5), np.float32)))


def test_nothing_pickled_is_ever_run() -> None:
    with pytest.raises(DataError):
        NumpyModel.from_bytes(changed(counts=np.array([print], dtype=object)))
