"""The log service, API versions 2020-12-30 and 0.6.0: what its newer and older SDKs call."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.service import Service
from sandbox.cloud.sls.alerts import AlertEvaluations
from sandbox.cloud.sls.documents import DocumentActions
from sandbox.cloud.sls.logs import Logs
from sandbox.cloud.sls.model import LogStores

EXPIRY_INTERVAL = datetime.timedelta(hours=6)
"""How often logs past their store's retention are deleted; searches leave them out at once."""
PERMISSIONS = {
    "GetCursor": "GetCursorOrData",
    "GetCursorTime": "GetCursorOrData",
    "GetHistograms": "GetLogStoreHistogram",
    "GetLogs": "GetLogStoreLogs",
    "GetLogsV2": "GetLogStoreLogs",
    "PullLogs": "GetCursorOrData",
    "PutLogs": "PostLogStoreLogs",
    "PutLogsByKey": "PostLogStoreLogs",
}
"""Actions that policies call by another name."""


@dataclass
class SlsService(DocumentActions, Service):
    """Projects and log stores."""

    name: ClassVar[str] = "Sls"
    version: ClassVar[str] = "2020-12-30"
    hosts: ClassVar[tuple[str, ...]] = ("log", "sls")

    context: Context
    found: LogStores

    def __post_init__(self) -> None:
        super().__post_init__()
        self.logs = Logs(self.context.store, self.context.clock)
        self.alerts = AlertEvaluations(self.context, self.found, self.logs)

    def start(self) -> None:
        """Delete old logs and evaluate alerts from now on."""
        self.context.schedule.every("log retention", EXPIRY_INTERVAL, self.expire)
        self.alerts.start()

    def status(self) -> Mapping[str, Any]:
        """The alerts that fire."""
        return {"firing_alerts": self.alerts.firing()}

    def expire(self) -> None:
        """Delete logs that their stores need not keep any more."""
        for store in self.found.stores.list():
            self.logs.expire(store)

    def permission(self, action: str, values: Mapping[str, Any], region: str, account_id: str) -> tuple[str, str]:
        """log:GetLogStoreLogs on acs:log:REGION:ACCOUNT:project/NAME/logstore/NAME."""
        project = str(values.get("project") or values.get("projectName") or "*")
        resource = f"acs:log:{region}:{account_id}:project/{project}"
        store = values.get("logstore") or values.get("logstoreName")
        if store:
            resource += f"/logstore/{store}"
        elif action.endswith(("Dashboard", "Job", "Alert")):
            kind = "dashboard" if action.endswith("Dashboard") else "job"
            resource += f"/{kind}/{values.get('name') or values.get('dashboardName') or '*'}"
        return f"log:{PERMISSIONS.get(action, action)}", resource
