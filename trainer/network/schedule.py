"""The learning rate over a run: free of TensorFlow, the same on one machine and in ElasticDL's workers."""

from __future__ import annotations

LAST_SHARE = 0.01
"""The learning rate falls in a straight line to this share of its first value, at the last step, so
that the noise of single minibatches, which Adam does not average out, is small at the end."""


def learning_rate_at(first: float, step: int, total_steps: int) -> float:
    """Of the step after `step` steps; steps beyond the planned ones keep the last rate."""
    share = min(max(step, 0), total_steps) / total_steps
    return first * (1.0 - share * (1.0 - LAST_SHARE))


def planned_steps(sentences: int, minibatch_size: int, epochs: int) -> int:
    """At least one."""
    return max(1, epochs * -(-sentences // minibatch_size))
