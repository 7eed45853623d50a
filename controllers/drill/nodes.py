"""A business's nodes, as the cluster has them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lightkube.resources.core_v1 import Node

from controllers.monitor.kubernetes import FAILURES, Kubernetes, refusal

BUSINESS_LABEL, POOL_LABEL = "language-models/business", "language-models/pool"
"""Of nodes, as the infrastructure program gives them to a business's pools."""
TRAINING_POOL, SERVING_POOL = "training", "serving"


async def ready_nodes(client: Kubernetes, business: str) -> Counter[str]:
    """How many nodes of each of its pools are Ready. Raises ClusterError where the API server does not say."""
    try:
        nodes = [node async for node in client.list(Node, labels={BUSINESS_LABEL: business})]
    except FAILURES as error:
        raise refusal(error) from error
    return Counter(
        (node.metadata.labels or {}).get(POOL_LABEL, "") for node in nodes if node.metadata and is_ready(node)
    )


def is_ready(node: Any) -> bool:
    """By its kubelet's own word, as the control plane has it."""
    conditions = (node.status.conditions if node.status else None) or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)
