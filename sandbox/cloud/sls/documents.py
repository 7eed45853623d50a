"""Actions on dashboards and alerts. Both are kept and shown back; alerts are evaluated by the cloud's clock."""

from __future__ import annotations

from typing import Any

from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.sls.alerts import AlertEvaluations
from sandbox.cloud.sls.errors import document_exists, document_not_found, invalid
from sandbox.cloud.sls.model import Document, DocumentKind
from sandbox.cloud.sls.reading_and_writing import DataActions

DASHBOARD = "dashboardName displayName description attribute charts"
ALERT = "name displayName description type state status configuration schedule recyclable lastModifiedTime createTime"
MISSING = {"dashboard": "DashboardNotExist", "job": "JobNotExist"}


class DocumentActions(DataActions):
    """Dashboards and alerts."""

    alerts: AlertEvaluations

    @action("CreateDashboard", DASHBOARD, method="POST", path="/dashboards")
    def create_dashboard(self, call: Call) -> Answer:
        """Make a dashboard."""
        name = call.parameters.text("dashboardName")
        self.create_document(call, "dashboard", name, self.content_of(call, DASHBOARD))
        return None

    @action("GetDashboard", method="GET", path="/dashboards/{name}")
    def get_dashboard(self, call: Call) -> Answer:
        """One dashboard."""
        return {"description": "", "charts": [], **self.document_of(call, "dashboard").content}

    @action("ListDashboard", "dashboardName offset size", method="GET", path="/dashboards")
    def list_dashboards(self, call: Call) -> Answer:
        """A project's dashboards."""
        found, total = self.listed(call, "dashboard", call.parameters.text("dashboardName"))
        items = [{"dashboardName": one.name, "displayName": one.content.get("displayName", "")} for one in found]
        names = [one.name for one in found]
        return {"dashboards": names, "dashboardItems": items, "count": len(found), "total": total}

    @action("UpdateDashboard", DASHBOARD, method="PUT", path="/dashboards/{name}")
    def update_dashboard(self, call: Call) -> Answer:
        """Write a dashboard over the old one."""
        self.update_document(call, "dashboard", self.content_of(call, DASHBOARD))
        return None

    @action("DeleteDashboard", method="DELETE", path="/dashboards/{name}")
    def delete_dashboard(self, call: Call) -> Answer:
        """Delete a dashboard."""
        return self.delete_document(call, "dashboard")

    @action("CreateJob", ALERT, method="POST", path="/jobs")
    def create_job(self, call: Call) -> Answer:
        """Make an alert, as older clients ask for it."""
        return self.create_alert_document(call)

    @action("CreateAlert", ALERT, method="POST", path="/alerts")
    def create_alert(self, call: Call) -> Answer:
        """Make an alert."""
        return self.create_alert_document(call)

    @action("GetJob", method="GET", path="/jobs/{name}")
    def get_job(self, call: Call) -> Answer:
        """One alert, as older clients ask for it."""
        return describe_alert(self.document_of(call, "job"))

    @action("GetAlert", method="GET", path="/alerts/{name}")
    def get_alert(self, call: Call) -> Answer:
        """One alert."""
        return describe_alert(self.document_of(call, "job"))

    @action("ListJobs", "jobType jobName resourceProvider logstore offset size", method="GET", path="/jobs")
    def list_jobs(self, call: Call) -> Answer:
        """A project's alerts, as older clients ask for them."""
        call.parameters.choice("jobType", "Alert", ("Alert",))
        return self.list_alert_documents(call, call.parameters.text("jobName"))

    @action("ListAlerts", "logstore offset size", method="GET", path="/alerts")
    def list_alerts(self, call: Call) -> Answer:
        """A project's alerts."""
        return self.list_alert_documents(call, "")

    @action("UpdateJob", ALERT, method="PUT", path="/jobs/{name}")
    def update_job(self, call: Call) -> Answer:
        """Write an alert over the old one, as older clients ask for it."""
        return self.update_alert_document(call)

    @action("UpdateAlert", ALERT, method="PUT", path="/alerts/{name}")
    def update_alert(self, call: Call) -> Answer:
        """Write an alert over the old one."""
        return self.update_alert_document(call)

    @action("EnableJob", method="PUT", path="/jobs/{name}?action=enable")
    def enable_job(self, call: Call) -> Answer:
        """Turn an alert on, as older clients ask for it."""
        return self.switch_alert(call, on=True)

    @action("EnableAlert", method="PUT", path="/alerts/{name}?action=enable")
    def enable_alert(self, call: Call) -> Answer:
        """Turn an alert on."""
        return self.switch_alert(call, on=True)

    @action("DisableJob", method="PUT", path="/jobs/{name}?action=disable")
    def disable_job(self, call: Call) -> Answer:
        """Turn an alert off, as older clients ask for it."""
        return self.switch_alert(call, on=False)

    @action("DisableAlert", method="PUT", path="/alerts/{name}?action=disable")
    def disable_alert(self, call: Call) -> Answer:
        """Turn an alert off."""
        return self.switch_alert(call, on=False)

    @action("DeleteJob", method="DELETE", path="/jobs/{name}")
    def delete_job(self, call: Call) -> Answer:
        """Delete an alert, as older clients ask for it."""
        return self.delete_document(call, "job")

    @action("DeleteAlert", method="DELETE", path="/alerts/{name}")
    def delete_alert(self, call: Call) -> Answer:
        """Delete an alert."""
        return self.delete_document(call, "job")

    def create_alert_document(self, call: Call) -> Answer:
        """Make an alert."""
        call.parameters.choice("type", "Alert", ("Alert",))
        self.create_document(call, "job", call.parameters.text("name"), self.alert_of(call))
        return None

    def update_alert_document(self, call: Call) -> Answer:
        """Write an alert over the old one."""
        self.update_document(call, "job", self.alert_of(call))
        return None

    def switch_alert(self, call: Call, *, on: bool) -> Answer:
        """Turn an alert on or off."""
        document = self.document_of(call, "job")
        self.put_document(document.model_copy(update={"enabled": on, "updated": self.context.clock.now()}))
        return None

    def list_alert_documents(self, call: Call, name: str) -> Answer:
        """A page of alerts."""
        found, total = self.listed(call, "job", name)
        return {"results": [describe_alert(one) for one in found], "count": len(found), "total": total}

    def listed(self, call: Call, kind: DocumentKind, name: str) -> tuple[list[Document], int]:
        """A page of documents whose name holds `name`, and how many there are."""
        every = [one for one in self.found.documents_of(self.project_of(call).name, kind) if name in one.name]
        offset, size = call.parameters.integer("offset", 0, 0), call.parameters.integer("size", 100, 0, 500)
        return every[offset : offset + size], len(every)

    def alert_of(self, call: Call) -> dict[str, Any]:
        """An alert as it was asked for, with a configuration and a schedule of the right form."""
        content = self.content_of(call, ALERT)
        for name in ("configuration", "schedule"):
            if not isinstance(content.get(name), dict):
                raise invalid(f"an alert needs the object {name}")
        return content

    def content_of(self, call: Call, names: str) -> dict[str, Any]:
        """The fields of a request that are kept."""
        found = {name: call.parameters.raw(name) for name in names.split()}
        return {name: value for name, value in found.items() if value is not None}

    def create_document(self, call: Call, kind: DocumentKind, name: str, content: dict[str, Any]) -> None:
        """Keep a new document, unless there is one of its name."""
        project, now = self.project_of(call), self.context.clock.now()
        if not name or "/" in name:
            raise invalid(f"the name {name!r} of a {kind} must be a text without slashes")
        document = Document(project=project.name, kind=kind, name=name, content=content, created=now, updated=now)
        with self.context.store.transaction():
            if self.found.documents.get(f"{kind}/{project.name}/{name}") is not None:
                raise document_exists(kind)
            self.put_document(document)

    def update_document(self, call: Call, kind: DocumentKind, content: dict[str, Any]) -> None:
        """Write a document's new content."""
        document = self.document_of(call, kind)
        changes = {"content": content, "updated": self.context.clock.now()}
        self.put_document(document.model_copy(update=changes))

    def delete_document(self, call: Call, kind: DocumentKind) -> Answer:
        """Forget a document."""
        document = self.document_of(call, kind)
        self.found.documents.delete(f"{kind}/{document.project}/{document.name}")
        return None

    def document_of(self, call: Call, kind: DocumentKind) -> Document:
        """The document in the call's path."""
        project, name = self.project_of(call), call.parameters.text("name")
        document = self.found.documents.get(f"{kind}/{project.name}/{name}")
        if document is None:
            raise document_not_found(MISSING[kind], kind, name)
        return document

    def put_document(self, document: Document) -> None:
        """Keep a document."""
        self.found.documents.put(f"{document.kind}/{document.project}/{document.name}", document)
        if document.kind == "job":
            self.alerts.plan(document)


def describe_alert(document: Document) -> dict[str, Any]:
    """An alert as the service describes it."""
    state = "Enabled" if document.enabled else "Disabled"
    return {
        "type": "Alert",
        "recyclable": False,
        **document.content,
        "name": document.name,
        "state": state,
        "status": state.upper(),
        "createTime": int(document.created.timestamp()),
        "lastModifiedTime": int(document.updated.timestamp()),
    }
