"""Adam that touches only the rows that a step has gradients for, as ElasticDL's parameter servers do."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.network.layers import PACKAGE


@tf.keras.utils.register_keras_serializable(package=PACKAGE)
class LazyAdam(tf.keras.optimizers.legacy.Adam):  # type: ignore[misc]
    """Adam (Kingma & Ba 2015) whose moments of a table's row change only when the row has a gradient.

    Keras' own lets all rows' moments fade at every step, which for tables of 30,000 rows is several passes over three
    times 8 MB. Indices of a gradient must differ from one another.

    A step's rows are gathered into variables that only it uses, so that TensorFlow's kernel for dense variables can
    do in one pass what is eleven operations otherwise. Assigning moves the gathered rows and doesn't copy them.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rows: dict[Any, tuple[Any, Any, Any]] = self._no_dependency({})

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any, **kwargs: Any) -> Any:
        return self._resource_apply_sparse(grad, handle, indices, **kwargs)

    def _create_slots(self, var_list: Any) -> None:
        super()._create_slots(var_list)
        for variable in var_list:
            if variable.ref() not in self._rows:
                shape = [None, *variable.shape[1:]]
                self._rows[variable.ref()] = tuple(
                    tf.Variable(tf.zeros([0, *variable.shape[1:]]), trainable=False, shape=shape) for _ in range(3)
                )

    def _resource_apply_sparse(self, grad: Any, var: Any, indices: Any, apply_state: Any = None) -> Any:
        settings = (apply_state or {}).get((var.device, tf.float32)) or self._fallback_apply_state(
            var.device, tf.float32
        )
        first, second = self.get_slot(var, "m"), self.get_slot(var, "v")
        step, mean, square = self._rows[var.ref()]
        step.assign(tf.zeros_like(grad))
        mean.assign(tf.gather(first, indices))
        square.assign(tf.gather(second, indices))
        tf.raw_ops.ResourceApplyAdam(
            var=step.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=settings["beta_1_power"],
            beta2_power=settings["beta_2_power"],
            lr=settings["lr_t"],
            beta1=settings["beta_1_t"],
            beta2=settings["beta_2_t"],
            epsilon=settings["epsilon"],
            grad=grad,
        )
        first.scatter_update(tf.IndexedSlices(mean.read_value(), indices))
        second.scatter_update(tf.IndexedSlices(square.read_value(), indices))
        return var.scatter_add(tf.IndexedSlices(step.read_value(), indices))
