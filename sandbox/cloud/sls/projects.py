"""Actions on projects: their life, policies and tags."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.log_protocol import LogAnswer
from sandbox.cloud.core.regions import check_region
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.sls.errors import invalid, project_exists, project_not_found
from sandbox.cloud.sls.logs import Logs
from sandbox.cloud.sls.model import LogStores, Project
from sandbox.cloud.vpc.networks import default_resource_group

NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


class ProjectActions:
    """Projects."""

    context: Context
    found: LogStores
    logs: Logs

    @action("CreateProject", "projectName description resourceGroupId dataRedundancyType", method="POST", path="/")
    def create_project(self, call: Call) -> Answer:
        """Make a project in the endpoint's region."""
        parameters, region = call.parameters, check_region(call.region)
        name = parameters.text("projectName")
        if NAME.fullmatch(name) is None:
            raise invalid(
                f"projectName {name!r} must have 3 to 63 lower-case letters, digits and hyphens, and none at its ends"
            )
        parameters.choice("dataRedundancyType", "LRS", ("LRS", "ZRS"))
        now = self.context.clock.now()
        project = Project(
            name=name,
            region=region,
            description=parameters.text("description"),
            resource_group_id=parameters.text("resourceGroupId", default_resource_group(self.context)),
            created=now,
            updated=now,
        )
        with self.context.store.transaction():
            if self.found.projects.get(name) is not None:
                raise project_exists(name)
            self.found.projects.put(name, project, region)
        return None

    @action("GetProject", "crossRegion", method="GET", path="/")
    def get_project(self, call: Call) -> Answer:
        """One project."""
        return self.describe_project(self.project_of(call))

    @action(
        "ListProject",
        "offset size projectName resourceGroupId description fetchQuota",
        method="GET",
        path="/?project=",
    )
    def list_project(self, call: Call) -> Answer:
        """The projects of the endpoint's region."""
        parameters = call.parameters
        offset, size = parameters.integer("offset", 0, 0), parameters.integer("size", 100, 0, 500)
        name, group = parameters.text("projectName"), parameters.text("resourceGroupId")
        matching = [
            project
            for project in self.found.projects.list(call.region)
            if name in project.name and group in ("", project.resource_group_id)
        ]
        chosen = [self.describe_project(project) for project in matching[offset : offset + size]]
        return {"projects": chosen, "count": len(chosen), "total": len(matching)}

    @action("UpdateProject", "description", method="PUT", path="/")
    def update_project(self, call: Call) -> Answer:
        """Change what is said of a project."""
        self.put_project(self.project_of(call), description=call.parameters.text("description"))
        return None

    @action("DeleteProject", "forceDelete", method="DELETE", path="/")
    def delete_project(self, call: Call) -> Answer:
        """Delete a project with all that is in it."""
        project = self.project_of(call)
        with self.context.store.transaction():
            for store in self.found.stores_of(project.name):
                self.logs.forget(store)
                self.found.stores.delete(store.key)
            for kind in ("dashboard", "job"):
                for document in self.found.documents_of(project.name, kind):
                    self.found.documents.delete(f"{kind}/{project.name}/{document.name}")
            self.found.tags.forget("project", project.name)
            self.found.projects.delete(project.name)
        return None

    @action("ChangeResourceGroup", "resourceId resourceGroupId resourceType", method="PUT", path="/resourcegroup")
    def change_resource_group(self, call: Call) -> Answer:
        """Move a project to another resource group."""
        parameters = call.parameters
        kind = parameters.text("resourceType", "PROJECT")
        if kind.upper() != "PROJECT":
            raise invalid(f"resourceType {kind!r} must be PROJECT")
        project = self.project_named(parameters.text("resourceId"), call)
        self.put_project(project, resource_group_id=parameters.required("resourceGroupId"))
        return None

    @action("GetProjectPolicy", method="GET", path="/policy")
    def get_project_policy(self, call: Call) -> Answer:
        """Who may use a project, as it was written; it is not evaluated."""
        return LogAnswer(self.project_of(call).policy.encode() or b"{}", {"x-log-bodyrawsize": "0"})

    @action("UpdateProjectPolicy", "body Version Statement", method="POST", path="/policy")
    def update_project_policy(self, call: Call) -> Answer:
        """Write the policy."""
        project, parameters = self.project_of(call), call.parameters
        body = parameters.raw("body")
        if isinstance(body, bytes):
            text = body.decode("utf-8", "replace")
        else:
            fields = {name: parameters.raw(name) for name in ("Version", "Statement")}
            text = json.dumps({name: value for name, value in fields.items() if value is not None})
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("Statement"), list):
            raise invalid("the policy must be a JSON object with a list Statement")
        self.put_project(project, policy=text)
        return None

    @action("DeleteProjectPolicy", method="DELETE", path="/policy")
    def delete_project_policy(self, call: Call) -> Answer:
        """Forget the policy."""
        self.put_project(self.project_of(call), policy="")
        return None

    @action("TagResources", "resourceType resourceId tags", method="POST", path="/tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags to projects."""
        tags = {}
        for item in self.items(call, "tags"):
            if not isinstance(item, dict) or not isinstance(item.get("key"), str):
                raise invalid("tags must be a list of objects with key and value")
            tags[item["key"]] = str(item.get("value") or "")
        for name in self.tagged(call):
            self.found.tags.add("project", name, tags)
        return None

    @action("UntagResources", "resourceType resourceId tags all", method="POST", path="/untag")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags of projects."""
        keys = [str(item) for item in self.items(call, "tags")]
        for name in self.tagged(call):
            self.found.tags.remove("project", name, keys, every=call.parameters.boolean("all"))
        return None

    @action("ListTagResources", "resourceType resourceId tags nextToken", method="GET", path="/tags")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of projects."""
        records = self.found.tags.records("project", self.tagged(call))
        shown = [
            {
                "resourceType": str(call.parameters.text("resourceType", "project")),
                "resourceId": record["ResourceId"],
                "tagKey": record["TagKey"],
                "tagValue": record["TagValue"],
            }
            for record in records
        ]
        return {"tagResources": shown, "nextToken": ""}

    def tagged(self, call: Call) -> list[str]:
        """The projects that a call about tags names."""
        kind = call.parameters.text("resourceType", "project")
        if kind.lower() != "project":
            raise invalid(f"resourceType {kind!r}: the sandbox keeps tags of projects only")
        return [self.project_named(str(name), call).name for name in self.items(call, "resourceId")]

    def items(self, call: Call, name: str) -> list[Any]:
        """A list in the body, or as JSON in the query; empty when absent."""
        value = call.parameters.raw(name)
        if isinstance(value, str) and value:
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise invalid(f"{name} must be a JSON list") from None
        if value in (None, ""):
            return []
        if not isinstance(value, list):
            raise invalid(f"{name} must be a list")
        return value

    def project_of(self, call: Call) -> Project:
        """The project in the call's host name."""
        return self.project_named(call.parameters.text("project"), call)

    def project_named(self, name: str, call: Call) -> Project:
        """A project; it answers at its own region's endpoint only, and at the cloud's bare address."""
        project = self.found.projects.get(name)
        if project is None or (call.parameters.text("endpoint") and project.region != call.region):
            raise project_not_found(name)
        return project

    def put_project(self, project: Project, **changes: Any) -> None:
        """Keep a changed project."""
        changed = project.model_copy(update={**changes, "updated": self.context.clock.now()})
        self.found.projects.put(project.name, changed, project.region)

    def describe_project(self, project: Project) -> dict[str, Any]:
        """A project as the service describes it."""
        return {
            "projectName": project.name,
            "description": project.description,
            "region": project.region,
            "status": "Normal",
            "owner": self.context.accounts.account_id,
            "createTime": iso(project.created),
            "lastModifyTime": iso(project.updated),
            "dataRedundancyType": "LRS",
            "resourceGroupId": project.resource_group_id,
        }
