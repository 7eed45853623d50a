"""How a cluster's autoscaler is set: the call CreateAutoscalingConfig, and the component that shows it."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, get_args

from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.errors import invalid
from sandbox.cloud.cs.model import Addon, AutoscalingConfig, Expander
from sandbox.cloud.cs.node_pools import NodePoolActions
from sandbox.cloud.cs.validation import section, texts, whole

SCALER = "cluster-autoscaler"
SCALER_VERSION = "v1.3.1"
DURATION = re.compile(r"(\d{1,6}) ?([smh])")
SECONDS = {"s": 1, "m": 60, "h": 3600}
DURATIONS = {"cool_down_duration": "unneeded", "unneeded_duration": "delay_after_growth", "scan_interval": "scan"}
"""The request's names are crossed: its cool_down_duration is how long a node is idle before it goes (the component's
ScaleDownUnneededTime), its unneeded_duration the pause after growth (ScaleDownDelayAfterAdd). So say the API page
CreateAutoscalingConfig and the official Terraform provider's way to read it."""
THRESHOLDS = {"utilization_threshold": "threshold", "gpu_utilization_threshold": "gpu_threshold"}
FLAGS = {
    "scale_down_enabled": "shrinks",
    "skip_nodes_with_system_pods": "keeps_system_pods",
    "skip_nodes_with_local_storage": "keeps_local_storage",
    "daemonset_eviction_for_nodes": "evicts_daemon_pods",
    "scale_up_from_zero": "grows_from_zero",
    "recycle_node_deletion_enabled": "deletes_recycled_nodes",
}
COUNTS = {"max_graceful_termination_sec": "longest_termination", "min_replica_count": "fewest_replicas"}
SHOWN_WHEN_SET = {
    "SkipNodesWithSystemPods": "keeps_system_pods",
    "SkipNodesWithLocalStorage": "keeps_local_storage",
    "DaemonsetEvictionForEmptyNodes": "evicts_daemon_pods",
    "MaxGracefulTerminationSec": "longest_termination",
    "MinReplicaCount": "fewest_replicas",
    "RecycleNodeDeletionEnabled": "deletes_recycled_nodes",
    "ScaleUpFromZero": "grows_from_zero",
}
"""What the component shows only where it is not as usual: the Terraform provider has no default for these, so that to
one who left them out they would be changes."""


class AutoscalingActions(NodePoolActions):
    """The autoscaler's settings."""

    @action(
        "CreateAutoscalingConfig",
        "cool_down_duration unneeded_duration scan_interval utilization_threshold gpu_utilization_threshold "
        "scale_down_enabled expander priorities scaler_type skip_nodes_with_system_pods skip_nodes_with_local_storage "
        "daemonset_eviction_for_nodes max_graceful_termination_sec min_replica_count recycle_node_deletion_enabled "
        "scale_up_from_zero",
        method="POST",
        path="/cluster/{cluster_id}/autoscale/config",
    )
    def create_autoscaling_config(self, call: Call) -> Answer:
        """Set the autoscaler, new or over its settings; what is left out stays, at first at ACK's defaults."""
        scaler = call.parameters.choice("scaler_type", SCALER, (SCALER,))
        changes = parse_config(call)
        with self.context.store.transaction():
            cluster = self.find_cluster(call)
            config = (cluster.autoscaling or AutoscalingConfig(scaler=scaler)).model_copy(update=changes)
            self.clusters.update_cluster(cluster.identifier, autoscaling=config, updated=self.context.clock.now())
        return {"cluster_id": cluster.identifier, "request_id": call.request_id}


def parse_config(call: Call) -> dict[str, Any]:
    """The settings that a call names, by the names of `AutoscalingConfig`."""
    parameters = call.parameters
    found: dict[str, Any] = {}
    for name, field in DURATIONS.items():
        if parameters.text(name):
            found[field] = _check_duration(name, parameters.text(name))
    for name, field in THRESHOLDS.items():
        if parameters.text(name):
            found[field] = _check_share(name, parameters.text(name))
    for name, field in FLAGS.items():
        if parameters.raw(name) is not None:
            found[field] = parameters.boolean(name)
    for name, field in COUNTS.items():
        if parameters.raw(name) is not None:
            found[field] = whole(name, parameters.raw(name))
    if parameters.text("expander"):
        found["expander"] = parameters.choice("expander", "least-waste", get_args(Expander))
    if parameters.raw("priorities") is not None:
        found["priorities"] = _priorities(section(call, "priorities"))
    return found


def scaler_addon(config: AutoscalingConfig) -> Addon:
    """The component that the settings appear as (GetClusterAddonInstance)."""
    shown = {
        "ScaleDownEnabled": config.shrinks,
        "ScaleDownUnneededTime": config.unneeded,
        "ScaleDownDelayAfterAdd": config.delay_after_growth,
        "ScanInterval": config.scan,
        "ScaleDownUtilizationThreshold": config.threshold,
        "ScaleDownGpuUtilizationThreshold": config.gpu_threshold,
        "Expander": config.expander,
    }
    usual = AutoscalingConfig(scaler=config.scaler)
    shown |= {
        name: getattr(config, field)
        for name, field in SHOWN_WHEN_SET.items()
        if getattr(config, field) != getattr(usual, field)
    }
    return Addon(name=config.scaler, version=SCALER_VERSION, config=json.dumps(shown))


def duration(text: str) -> datetime.timedelta:
    """A duration such as 10m, as the autoscaler takes it. Raises ValueError."""
    match = DURATION.fullmatch(text)
    if match is None or int(match.group(1)) == 0:
        raise ValueError(f"{text!r} is not a duration of at least a second")
    return datetime.timedelta(seconds=int(match.group(1)) * SECONDS[match.group(2)])


def _check_duration(name: str, text: str) -> str:
    try:
        duration(text)
    except ValueError:
        raise invalid(name, text, "it is a whole number above 0 with s, m or h, such as 10m") from None
    return text


def _check_share(name: str, text: str) -> str:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise invalid(name, text, "it is a share between 0 and 1, such as 0.5")
    return text


def _priorities(given: dict[str, Any]) -> dict[str, list[str]]:
    for priority in given:
        if not priority.isdecimal() or not 1 <= int(priority) <= 100:
            raise invalid("priorities", priority, "a priority is a whole number from 1 to 100")
    return {priority: texts(f"priorities.{priority}", groups) for priority, groups in given.items()}
