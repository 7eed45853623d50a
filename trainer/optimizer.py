"""Adam that touches only the rows that a step has gradients for, as ElasticDL's parameter servers do."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.layers import PACKAGE


@tf.keras.utils.register_keras_serializable(package=PACKAGE)
class LazyAdam(tf.keras.optimizers.legacy.Adam):  # type: ignore[misc]
    """Adam (Kingma & Ba 2015) whose moments of a table's row change only when the row has a gradient.

    Keras' own lets all rows' moments fade at every step, which for tables of 30,000 rows is several passes over three
    times 8 MB. Indices of a gradient must differ from one another.
    """

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any, **kwargs: Any) -> Any:
        return self._resource_apply_sparse(grad, handle, indices, **kwargs)

    def _resource_apply_sparse(self, grad: Any, var: Any, indices: Any, apply_state: Any = None) -> Any:
        settings = (apply_state or {}).get((var.device, tf.float32)) or self._fallback_apply_state(
            var.device, tf.float32
        )
        first, second = self.get_slot(var, "m"), self.get_slot(var, "v")
        mean = tf.gather(first, indices)
        mean += settings["one_minus_beta_1_t"] * (grad - mean)
        square = tf.gather(second, indices)
        square += settings["one_minus_beta_2_t"] * (grad * grad - square)
        step = settings["lr"] * mean / (tf.sqrt(square) + settings["epsilon"])
        first.scatter_update(tf.IndexedSlices(mean, indices))
        second.scatter_update(tf.IndexedSlices(square, indices))
        return var.scatter_sub(tf.IndexedSlices(step, indices))
