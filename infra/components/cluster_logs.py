"""Where a region's cluster writes its logs: a project of the log service, with a store for what containers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import PlatformNames

CONTAINERS = "containers"
WORD_BREAKS = ", ';\"()[]{}?@&<>/:\n\t\r"


@dataclass(frozen=True)
class ClusterLogsArgs:
    """What the logs' place is made from."""

    names: PlatformNames
    retention_days: int
    protect: bool
    tags: Mapping[str, str]


class ClusterLogs(pulumi.ComponentResource):
    """The project, into which ACK puts its audit log and its control plane's logs, in stores that it makes itself."""

    project_name: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterLogsArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:ClusterLogs", name, None, opts)
        project = alicloud.log.Project(
            f"{name}-project",
            project_name=args.names.logs,
            description=f"Audit log, control plane and containers of {args.names.cluster}",
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        store = alicloud.log.Store(
            f"{name}-containers",
            project_name=project.project_name,
            logstore_name=CONTAINERS,
            retention_period=args.retention_days,
            shard_count=2,
            auto_split=True,
            max_split_shard_count=16,
            append_meta=True,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        alicloud.log.StoreIndex(
            f"{name}-containers",
            project=project.project_name,
            logstore=store.logstore_name,
            full_text=alicloud.log.StoreIndexFullTextArgs(case_sensitive=False, token=WORD_BREAKS),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.project_name = project.project_name
        self.register_outputs({"project_name": self.project_name})
