"""Actions that say where a cluster's logs go; `log_delivery` carries them there. The log service's stores are made, as
ACK makes them.
"""

from __future__ import annotations

from typing import Any

from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.errors import invalid
from sandbox.cloud.cs.model import Cluster
from sandbox.cloud.cs.upgrades import UpgradeActions
from sandbox.cloud.cs.validation import texts
from sandbox.cloud.sls.model import LogStore, LogStores, Project, first_shards
from sandbox.cloud.vpc.networks import default_resource_group

STORES = {
    "apiserver": "apiserver",
    "kcm": "kcm",
    "scheduler": "scheduler",
    "ccm": "ccm",
    "controlplane-events": "events",
}
"""Components whose logs can be kept, and how their stores' names begin."""
DEFAULT_TTL = 30
TOKENS = [*" ,:;{}[]()\"'/=\n\t"]
FIELDS = ("content", "component", "verb", "stage", "level", "requestURI", "user", "objectRef", "responseStatus")
INDEX = {
    "line": {"token": TOKENS, "caseSensitive": False},
    "keys": {name: {"type": "text", "token": TOKENS, "caseSensitive": False, "doc_value": True} for name in FIELDS},
}
"""What can be searched in a cluster's logs: every word, and these fields of audit events and lines."""


class LogSettingActions(UpgradeActions):
    """Where logs go."""

    log_stores: LogStores

    @action("CheckControlPlaneLogEnable", method="GET", path="/clusters/{cluster_id}/controlplanelog")
    def check_control_plane_log(self, call: Call) -> Answer:
        """Which control-plane logs are kept, and where."""
        request = self.find_cluster(call).request
        return {
            "aliuid": self.context.accounts.account_id,
            "components": request.get("controlplane_log_components") or [],
            "log_project": request.get("controlplane_log_project") or "",
            "log_ttl": str(request.get("controlplane_log_ttl") or ""),
        }

    @action(
        "UpdateControlPlaneLog",
        "aliuid components log_project log_ttl",
        method="PUT",
        path="/clusters/{cluster_id}/controlplanelog",
    )
    def update_control_plane_log(self, call: Call) -> Answer:
        """Change which control-plane logs are kept, and where; what is left out stays."""
        cluster, parameters = self.find_cluster(call), call.parameters
        parameters.text("aliuid")
        changes: dict[str, Any] = {}
        if parameters.raw("components") is not None:
            changes["controlplane_log_components"] = texts("components", parameters.raw("components"))
        for name, field in (("log_project", "controlplane_log_project"), ("log_ttl", "controlplane_log_ttl")):
            if parameters.text(name):
                changes[field] = parameters.text(name)
        request = self.with_log_stores(cluster, cluster.request | changes)
        self.clusters.update_cluster(cluster.identifier, request=request, updated=self.context.clock.now())
        task = self.operations.new_task(cluster.identifier, cluster.identifier, "cluster_update")
        self.operations.submit(cluster.region, cluster.identifier, lambda: None)
        return {"cluster_id": cluster.identifier, "task_id": task.identifier, "request_id": call.request_id}

    @action("GetClusterAuditProject", method="GET", path="/clusters/{cluster_id}/audit")
    def get_audit_project(self, call: Call) -> Answer:
        """Whether the audit log is kept, and where."""
        config = self.find_cluster(call).request.get("audit_log_config") or {}
        return {
            "audit_enabled": bool(config.get("enabled")),
            "sls_project_name": str(config.get("sls_project_name") or ""),
        }

    @action(
        "UpdateClusterAuditLogConfig",
        "disable sls_project_name",
        method="PUT",
        path="/clusters/{cluster_id}/audit_log",
    )
    def update_audit_log_config(self, call: Call) -> Answer:
        """Turn the audit log on or off, and say where it goes."""
        cluster, parameters = self.find_cluster(call), call.parameters
        before = cluster.request.get("audit_log_config") or {}
        config = {
            "enabled": not parameters.boolean("disable"),
            "sls_project_name": parameters.text("sls_project_name", str(before.get("sls_project_name") or "")),
        }
        request = self.with_log_stores(cluster, cluster.request | {"audit_log_config": config})
        self.clusters.update_cluster(cluster.identifier, request=request, updated=self.context.clock.now())
        task = self.operations.new_task(cluster.identifier, cluster.identifier, "cluster_update")
        self.operations.submit(cluster.region, cluster.identifier, lambda: None)
        return {"cluster_id": cluster.identifier, "task_id": task.identifier, "request_id": call.request_id}

    @action(
        "UpdateKMSEncryption",
        "kms_key_id disable_encryption",
        method="PUT",
        path="/clusters/{cluster_id}/kms",
    )
    def update_kms_encryption(self, call: Call) -> Answer:
        """Note the key with which secrets are to be encrypted, and show it back; etcd keeps them as they are."""
        cluster, parameters = self.find_cluster(call), call.parameters
        changes: dict[str, Any] = {"disable_encryption": parameters.boolean("disable_encryption")}
        if parameters.text("kms_key_id"):
            changes["encryption_provider_key"] = parameters.text("kms_key_id")
        request = cluster.request | changes
        self.clusters.update_cluster(cluster.identifier, request=request, updated=self.context.clock.now())
        task = self.operations.new_task(cluster.identifier, cluster.identifier, "cluster_update")
        self.operations.submit(cluster.region, cluster.identifier, lambda: None)
        return {"cluster_id": cluster.identifier, "task_id": task.identifier, "request_id": call.request_id}

    def with_log_stores(self, cluster: Cluster, request: dict[str, Any]) -> dict[str, Any]:
        """A cluster's request whose logs have a place: the projects it names, or ACK's own for the cluster."""
        found = dict(request)
        components = [str(name) for name in found.get("controlplane_log_components") or []]
        unknown = sorted(set(components) - set(STORES))
        if unknown:
            raise invalid("controlplane_log_components", unknown, "there are " + ", ".join(STORES))
        if components:
            project = self.log_project(cluster, str(found.get("controlplane_log_project") or ""))
            ttl = str(found.get("controlplane_log_ttl") or DEFAULT_TTL)
            if not ttl.isdecimal() or not 1 <= int(ttl) <= 3650:
                raise invalid("controlplane_log_ttl", ttl, "it is a whole number of days from 1 to 3650")
            for component in components:
                self.log_store(project, f"{STORES[component]}-{cluster.identifier}", int(ttl))
            found["controlplane_log_project"] = project.name
        audit = found.get("audit_log_config") or {}
        if audit.get("enabled"):
            project = self.log_project(cluster, str(audit.get("sls_project_name") or ""))
            self.log_store(project, f"audit-{cluster.identifier}", DEFAULT_TTL)
            found["audit_log_config"] = audit | {"sls_project_name": project.name}
        return found

    def log_project(self, cluster: Cluster, name: str) -> Project:
        """The project of this name in the cluster's region; with an empty name ACK's own, made when missing."""
        wanted = name or f"k8s-log-{cluster.identifier}"
        project = self.log_stores.projects.get(wanted)
        if project is not None and project.region == cluster.region:
            return project
        if name:
            raise invalid("log_project", name, f"there is no such project in {cluster.region}; create it first")
        now = self.context.clock.now()
        project = Project(
            name=wanted,
            region=cluster.region,
            description=f"log of cluster {cluster.identifier}",
            resource_group_id=default_resource_group(self.context),
            created=now,
            updated=now,
        )
        return self.log_stores.projects.put(wanted, project, cluster.region)

    def log_store(self, project: Project, name: str, ttl: int) -> None:
        """Make a store that can be searched, unless it is there."""
        now = self.context.clock.now()
        store = LogStore(
            project=project.name,
            name=name,
            created=now,
            updated=now,
            ttl=ttl,
            shards=first_shards(2, now),
            settings={},
            index=INDEX,
            index_updated=now,
        )
        if self.log_stores.stores.get(store.key) is None:
            self.log_stores.stores.put(store.key, store, project.region)
