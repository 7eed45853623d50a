"""The container registry service's Personal Edition, API version 2016-06-07."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.regions import check_region
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.cr.errors import invalid, tag_not_found
from sandbox.cloud.cr.images import Images
from sandbox.cloud.cr.model import PERSONAL, ImageRepository, Namespace, check_visibility
from sandbox.cloud.registry.tokens import TEMPORARY_USER, Tokens

REPOSITORY_PATH = "/repos/{repo_namespace}/{repo_name}"
MILLISECONDS = 1000


@dataclass
class CrService(Service):
    """Namespaces and repositories of each region."""

    name: ClassVar[str] = "Cr"
    version: ClassVar[str] = "2016-06-07"
    hosts: ClassVar[tuple[str, ...]] = ("cr",)

    images: Images
    tokens: Tokens

    @action("CreateNamespace", "Namespace", method="PUT", path="/namespace")
    def create_namespace(self, call: Call) -> Answer:
        """Make a namespace."""
        name = str(fields(call, "Namespace").get("Namespace") or "")
        region = check_region(call.region)
        self.images.create_namespace(region, PERSONAL, name, auto_create=True, visibility="PRIVATE")
        return answer(call, {"namespaceId": 0})

    @action("GetNamespace", method="GET", path="/namespace/{namespace}")
    def get_namespace(self, call: Call) -> Answer:
        """One namespace."""
        return answer(call, {"namespace": describe_namespace(self.namespace_of(call))})

    @action("GetNamespaceList", "Authorize Status", method="GET", path="/namespace")
    def list_namespaces(self, call: Call) -> Answer:
        """A region's namespaces."""
        found = self.images.found.namespaces_of(call.region, PERSONAL)
        return answer(call, {"namespaces": [describe_namespace(one) for one in found]})

    @action("UpdateNamespace", "Namespace", method="POST", path="/namespace/{namespace}")
    def update_namespace(self, call: Call) -> Answer:
        """Change what a push to a namespace makes."""
        found, given = self.namespace_of(call), fields(call, "Namespace")
        changes: dict[str, Any] = {}
        if given.get("AutoCreate") is not None:
            changes["auto_create"] = given["AutoCreate"] in (True, "true")
        if given.get("DefaultVisibility"):
            changes["visibility"] = check_visibility("DefaultVisibility", str(given["DefaultVisibility"]))
        self.images.update_namespace(found, **changes)
        return answer(call, {})

    @action("DeleteNamespace", method="DELETE", path="/namespace/{namespace}")
    def delete_namespace(self, call: Call) -> Answer:
        """Delete a namespace."""
        self.images.delete_namespace(self.namespace_of(call))
        return answer(call, {})

    @action("CreateRepo", "Repo", method="PUT", path="/repos")
    def create_repo(self, call: Call) -> Answer:
        """Make a repository."""
        given = fields(call, "Repo")
        namespace = self.images.namespace(call.region, PERSONAL, str(given.get("RepoNamespace") or ""))
        self.images.create_repository(
            namespace,
            str(given.get("RepoName") or ""),
            visibility=check_visibility("RepoType", str(given.get("RepoType") or "PRIVATE")),
            summary=str(given.get("Summary") or ""),
            detail=str(given.get("Detail") or ""),
        )
        return answer(call, {"repoId": 0})

    @action("GetRepo", method="GET", path=REPOSITORY_PATH)
    def get_repo(self, call: Call) -> Answer:
        """One repository."""
        return answer(call, {"repo": self.describe_repository(self.repository_of(call))})

    @action("GetRepoList", "Page PageSize Status RepoNamePrefix", method="GET", path="/repos")
    def list_repos(self, call: Call) -> Answer:
        """A region's repositories."""
        return self.listed(call, "")

    @action("GetRepoListByNamespace", "Page PageSize Status", method="GET", path="/repos/{repo_namespace}")
    def list_repos_of_namespace(self, call: Call) -> Answer:
        """A namespace's repositories."""
        return self.listed(call, call.parameters.text("repo_namespace"))

    @action("UpdateRepo", "Repo", method="POST", path=REPOSITORY_PATH)
    def update_repo(self, call: Call) -> Answer:
        """Change a repository."""
        repository, given = self.repository_of(call), fields(call, "Repo")
        changes: dict[str, Any] = {
            field: str(given[name] or "")
            for name, field in (("Summary", "summary"), ("Detail", "detail"))
            if name in given
        }
        if given.get("RepoType"):
            changes["visibility"] = check_visibility("RepoType", str(given["RepoType"]))
        self.images.update_repository(repository, **changes)
        return answer(call, {})

    @action("DeleteRepo", method="DELETE", path=REPOSITORY_PATH)
    def delete_repo(self, call: Call) -> Answer:
        """Delete a repository with its images."""
        self.images.delete_repository(self.repository_of(call))
        return answer(call, {})

    @action("GetRepoTags", "Page PageSize", method="GET", path=REPOSITORY_PATH + "/tags")
    def list_tags(self, call: Call) -> Answer:
        """The tags of a repository that were pushed."""
        page, size = call.parameters.integer("Page", 1, 1), call.parameters.integer("PageSize", 30, 1, 100)
        tags = self.images.catalogue.tags(self.repository_of(call).key)
        shown = [
            {
                "tag": tag.name,
                "digest": tag.digest.removeprefix("sha256:"),
                "imageId": tag.digest.removeprefix("sha256:"),
                "status": "NORMAL",
                "imageCreate": tag.created,
                "imageUpdate": tag.updated,
                "imageSize": tag.image_size,
            }
            for tag in tags[(page - 1) * size : page * size]
        ]
        return answer(call, {"tags": shown, "total": len(tags), "page": page, "pageSize": size})

    @action("DeleteImage", method="DELETE", path=REPOSITORY_PATH + "/tags/{tag}")
    def delete_image(self, call: Call) -> Answer:
        """Delete a tag."""
        tag = call.parameters.text("tag")
        if not self.images.catalogue.delete_tag(self.repository_of(call).key, tag):
            raise tag_not_found(tag)
        return answer(call, {})

    @action("GetAuthorizationToken", method="GET", path="/tokens")
    def get_authorization_token(self, call: Call) -> Answer:
        """A user and password for pulling and pushing, for an hour."""
        if call.principal is None:
            raise invalid("AccessKeyId", "", "it is needed")
        registry = self.images.registry_of(call.region, None)
        password, expires = self.tokens.temporary_password(call.principal, registry)
        moment = int(expires.timestamp() * MILLISECONDS)
        return answer(call, {"tempUserName": TEMPORARY_USER, "authorizationToken": password, "expireDate": moment})

    @action("CreateUserInfo", "User", method="PUT", path="/users")
    def create_user_info(self, call: Call) -> Answer:
        """Set the account's password for the region's registry."""
        return self.set_password(call)

    @action("UpdateUserInfo", "User", method="POST", path="/users")
    def update_user_info(self, call: Call) -> Answer:
        """Change the account's password for the region's registry."""
        return self.set_password(call)

    def set_password(self, call: Call) -> Answer:
        """Set the account's password; its user's name is the account's identifier."""
        password = str(fields(call, "User").get("Password") or "")
        self.tokens.set_password(self.images.registry_of(call.region, None), check_password("Password", password))
        return answer(call, {})

    def listed(self, call: Call, namespace: str) -> Answer:
        """A page of repositories."""
        page, size = call.parameters.integer("Page", 1, 1), call.parameters.integer("PageSize", 30, 1, 100)
        every = self.images.found.repositories_of(call.region, PERSONAL, namespace)
        chosen = [self.describe_repository(one) for one in every[(page - 1) * size : page * size]]
        return answer(call, {"repos": chosen, "total": len(every), "page": page, "pageSize": size})

    def namespace_of(self, call: Call) -> Namespace:
        """The namespace in the call's path."""
        return self.images.namespace(call.region, PERSONAL, call.parameters.text("namespace"))

    def repository_of(self, call: Call) -> ImageRepository:
        """The repository in the call's path."""
        parameters = call.parameters
        names = parameters.text("repo_namespace"), parameters.text("repo_name")
        return self.images.repository(call.region, PERSONAL, *names)

    def describe_repository(self, repository: ImageRepository) -> dict[str, Any]:
        """A repository as the service describes it."""
        inside, public, internal = self.images.hosts_of(self.images.registry_of(repository.region, None))
        return {
            "repoId": repository.identifier,
            "repoNamespace": repository.namespace,
            "repoName": repository.name,
            "repoType": repository.visibility,
            "repoStatus": "NORMAL",
            "repoOriginType": "ALI_HUB",
            "repoAuthorizeType": "ADMIN",
            "repoBuildType": "MANUAL",
            "summary": repository.summary,
            "detail": repository.detail,
            "regionId": repository.region,
            "stars": 0,
            "downloads": 0,
            "gmtCreate": int(repository.created.timestamp() * MILLISECONDS),
            "gmtModified": int(repository.updated.timestamp() * MILLISECONDS),
            "repoDomainList": {"public": public, "internal": internal, "vpc": inside},
        }


def describe_namespace(namespace: Namespace) -> dict[str, Any]:
    """A namespace as the service describes it."""
    return {
        "namespace": namespace.name,
        "namespaceStatus": "NORMAL",
        "authorizeType": "ADMIN",
        "autoCreate": namespace.auto_create,
        "defaultVisibility": namespace.visibility,
    }


def answer(call: Call, data: dict[str, Any]) -> Answer:
    """An answer in this service's form."""
    return {"requestId": call.request_id, "data": data}


def fields(call: Call, name: str) -> dict[str, Any]:
    """The one object in a request's body."""
    value = call.parameters.raw(name)
    if not isinstance(value, dict):
        raise invalid(name, value, "the body must hold this object")
    return value


def check_password(name: str, password: str) -> str:
    """A password that is long enough. Raises CloudError; the message never shows it."""
    if not 8 <= len(password) <= 32:
        raise invalid(name, "(hidden)", "a password has 8 to 32 characters")
    return password
