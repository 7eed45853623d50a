"""Where the job's new pods may not go. A module of its own, as ElasticDL loads `cluster_spec` by its path: what that
holds is not what others import."""

from __future__ import annotations

from typing import Any

from kubernetes import client


class Placement:
    """Nodes that are avoided, and the affinity for the others."""

    def __init__(self) -> None:
        self._avoided: tuple[str, ...] = ()

    def avoid(self, nodes: tuple[str, ...]) -> None:
        """Put the pods that are made from now on elsewhere."""
        self._avoided = nodes

    def affinity(self) -> Any:
        """For no avoided node; each takes an entry of its own, as Kubernetes wants it. None: anywhere."""
        if not self._avoided:
            return None
        fields = [
            client.V1NodeSelectorRequirement(key="metadata.name", operator="NotIn", values=[node])
            for node in self._avoided
        ]
        required = client.V1NodeSelector(node_selector_terms=[client.V1NodeSelectorTerm(match_fields=fields)])
        return client.V1Affinity(
            node_affinity=client.V1NodeAffinity(required_during_scheduling_ignored_during_execution=required)
        )


placement = Placement()
"""This process's."""
