"""The container registry service's Enterprise Edition, API version 2018-12-01.

What does not exist is told in an answer (`IsSuccess` false and a code) with the status 200, as the service does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, TypeVar

from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.regions import IDENTIFIER_ALPHABET, check_region
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.cr.errors import instance_not_found, invalid, repository_not_found, tag_not_found
from sandbox.cloud.cr.images import Images
from sandbox.cloud.cr.model import NAMESPACE, ImageRepository, Instance, Namespace, check_name, check_visibility
from sandbox.cloud.cr.personal import MILLISECONDS, check_password
from sandbox.cloud.registry.tokens import TEMPORARY_USER, Tokens
from sandbox.cloud.vpc.networks import default_resource_group

EDITIONS = ("Basic", "Standard", "Advanced", "Economy")
PAGING = "PageNo PageSize"
TELLING = frozenset({"INSTANCE_NOT_EXIST", "NAMESPACE_NOT_EXIST", "REPO_NOT_EXIST", "REPO_TAG_NOT_EXIST"})
"""Codes of answers that are no HTTP errors."""
Handler = TypeVar("Handler", bound=Callable[..., Answer])


def telling(handler: Handler) -> Handler:
    """Answer that something does not exist, rather than fail."""

    @wraps(handler)
    def tell(self: Any, call: Call) -> Answer:
        try:
            return {"IsSuccess": True, "Code": "success", **handler(self, call)}
        except CloudError as error:
            if error.code not in TELLING:
                raise
            return {"IsSuccess": False, "Code": error.code, "Message": error.message}

    return tell  # type: ignore[return-value]


@dataclass
class CrEeService(Service):
    """Instances with their namespaces and repositories."""

    name: ClassVar[str] = "CrEe"
    version: ClassVar[str] = "2018-12-01"
    hosts: ClassVar[tuple[str, ...]] = ("cr",)

    context: Context
    images: Images
    tokens: Tokens

    def sell(self, components: Mapping[str, str]) -> str:
        """Make the instance that the billing service sold; its identifier."""
        name = check_name("InstanceName", components.get("InstanceName", ""), NAMESPACE)
        edition = components.get("InstanceType", "Basic")
        if edition not in EDITIONS:
            raise invalid("InstanceType", edition, "it must be one of " + ", ".join(EDITIONS))
        region = check_region(components.get("Region", ""))
        instance = Instance(
            identifier="cri-" + random_text(16, IDENTIFIER_ALPHABET),
            region=region,
            name=name,
            edition=edition,
            resource_group_id=default_resource_group(self.context),
            created=self.context.clock.now(),
        )
        if any(other.name == name for other in self.images.found.instances.list(region)):
            raise CloudError("INSTANCE_ALREADY_EXIST", f"instance {name} is already exist in {region}", 409)
        self.images.found.instances.put(instance.identifier, instance, region)
        return instance.identifier

    def take_back(self, identifier: str) -> bool:
        """Delete an instance that the billing service takes back; whether there was one."""
        instance = self.images.found.instances.get(identifier)
        if instance is not None:
            self.images.delete_instance(instance)
        return instance is not None

    def permission(self, action: str, values: Mapping[str, Any], region: str, account_id: str) -> tuple[str, str]:
        """cr:CreateNamespace on acs:cr:REGION:ACCOUNT:instance/IDENTIFIER."""
        return f"cr:{action}", f"acs:cr:{region}:{account_id}:instance/{values.get('InstanceId') or '*'}"

    @action("GetInstance", "InstanceId")
    @telling
    def get_instance(self, call: Call) -> Answer:
        """One instance."""
        return self.describe_instance(self.instance_of(call))

    @action("ListInstance", f"{PAGING} InstanceName InstanceStatus ResourceGroupId")
    @telling
    def list_instances(self, call: Call) -> Answer:
        """A region's instances."""
        name, group = call.parameters.text("InstanceName"), call.parameters.text("ResourceGroupId")
        every = [
            self.describe_instance(one)
            for one in self.images.found.instances.list(call.region)
            if name in ("", one.name) and group in ("", one.resource_group_id)
        ]
        return paged(call, "Instances", every)

    @action("ChangeResourceGroup", "ResourceId ResourceGroupId ResourceRegionId")
    @telling
    def change_resource_group(self, call: Call) -> Answer:
        """Move an instance to another resource group."""
        identifier, region = (
            call.parameters.required("ResourceId"),
            call.parameters.text("ResourceRegionId", call.region),
        )
        instance = self.images.found.instances.get(identifier)
        if instance is None or instance.region != region:
            raise instance_not_found(identifier)
        changed = instance.model_copy(update={"resource_group_id": call.parameters.required("ResourceGroupId")})
        self.images.found.instances.put(identifier, changed, instance.region)
        return {}

    @action("ListInstanceEndpoint", "InstanceId ModuleName Summary")
    @telling
    def list_instance_endpoints(self, call: Call) -> Answer:
        """Where an instance's registry is reached."""
        instance = self.instance_of(call)
        hosts = self.images.hosts_of(self.images.registry_of(instance.region, instance))
        kinds = {"vpc": hosts[0], "internet": hosts[1]}
        endpoints = [
            {"EndpointType": kind, "Enable": True, "Domains": [{"Domain": host, "Type": "SYSTEM"}]}
            for kind, host in kinds.items()
        ]
        return {"Endpoints": endpoints}

    @action("GetAuthorizationToken", "InstanceId")
    @telling
    def get_authorization_token(self, call: Call) -> Answer:
        """A user and password for pulling and pushing, for an hour."""
        instance = self.instance_of(call)
        if call.principal is None:
            raise invalid("AccessKeyId", "", "it is needed")
        registry = self.images.registry_of(instance.region, instance)
        password, expires = self.tokens.temporary_password(call.principal, registry)
        moment = int(expires.timestamp() * MILLISECONDS)
        return {"TempUsername": TEMPORARY_USER, "AuthorizationToken": password, "ExpireTime": moment}

    @action("ResetLoginPassword", "InstanceId Password")
    @telling
    def reset_login_password(self, call: Call) -> Answer:
        """Set the account's password for an instance; its user's name is the account's identifier."""
        instance = self.instance_of(call)
        password = check_password("Password", call.parameters.text("Password"))
        self.tokens.set_password(self.images.registry_of(instance.region, instance), password)
        return {}

    @action("CreateNamespace", "InstanceId NamespaceName AutoCreateRepo DefaultRepoType")
    @telling
    def create_namespace(self, call: Call) -> Answer:
        """Make a namespace."""
        instance, parameters = self.instance_of(call), call.parameters
        namespace = self.images.create_namespace(
            instance.region,
            instance.identifier,
            parameters.required("NamespaceName"),
            auto_create=parameters.boolean("AutoCreateRepo"),
            visibility=check_visibility("DefaultRepoType", parameters.text("DefaultRepoType", "PRIVATE")),
        )
        return {"NamespaceId": namespace.identifier}

    @action("GetNamespace", "InstanceId NamespaceName NamespaceId")
    @telling
    def get_namespace(self, call: Call) -> Answer:
        """One namespace."""
        return describe_namespace(self.namespace_of(call))

    @action("ListNamespace", f"InstanceId NamespaceName NamespaceStatus {PAGING}")
    @telling
    def list_namespaces(self, call: Call) -> Answer:
        """An instance's namespaces."""
        instance, name = self.instance_of(call), call.parameters.text("NamespaceName")
        found = self.images.found.namespaces_of(instance.region, instance.identifier)
        return paged(call, "Namespaces", [describe_namespace(one) for one in found if name in ("", one.name)])

    @action("UpdateNamespace", "InstanceId NamespaceName AutoCreateRepo DefaultRepoType")
    @telling
    def update_namespace(self, call: Call) -> Answer:
        """Change what a push to a namespace makes."""
        namespace, parameters = self.namespace_of(call), call.parameters
        changes: dict[str, Any] = {"auto_create": parameters.boolean("AutoCreateRepo", namespace.auto_create)}
        if parameters.text("DefaultRepoType"):
            changes["visibility"] = check_visibility("DefaultRepoType", parameters.text("DefaultRepoType"))
        self.images.update_namespace(namespace, **changes)
        return {}

    @action("DeleteNamespace", "InstanceId NamespaceName")
    @telling
    def delete_namespace(self, call: Call) -> Answer:
        """Delete a namespace."""
        self.images.delete_namespace(self.namespace_of(call))
        return {}

    @action("CreateRepository", "InstanceId RepoNamespaceName RepoName RepoType Summary Detail TagImmutability")
    @telling
    def create_repository(self, call: Call) -> Answer:
        """Make a repository."""
        instance, parameters = self.instance_of(call), call.parameters
        namespace = self.images.namespace(
            instance.region, instance.identifier, parameters.required("RepoNamespaceName")
        )
        repository = self.images.create_repository(
            namespace,
            parameters.required("RepoName"),
            visibility=check_visibility("RepoType", parameters.text("RepoType", "PRIVATE")),
            summary=parameters.text("Summary"),
            detail=parameters.text("Detail"),
            tag_immutability=parameters.boolean("TagImmutability"),
        )
        return {"RepoId": repository.identifier}

    @action("GetRepository", "InstanceId RepoId RepoNamespaceName RepoName")
    @telling
    def get_repository(self, call: Call) -> Answer:
        """One repository."""
        return describe_repository(self.repository_of(call))

    @action("ListRepository", f"InstanceId RepoNamespaceName RepoName RepoStatus {PAGING}")
    @telling
    def list_repositories(self, call: Call) -> Answer:
        """An instance's repositories."""
        instance, name = self.instance_of(call), call.parameters.text("RepoName")
        namespace = call.parameters.text("RepoNamespaceName")
        found = self.images.found.repositories_of(instance.region, instance.identifier, namespace)
        return paged(call, "Repositories", [describe_repository(one) for one in found if name in ("", one.name)])

    @action("UpdateRepository", "InstanceId RepoId RepoNamespaceName RepoName RepoType Summary Detail TagImmutability")
    @telling
    def update_repository(self, call: Call) -> Answer:
        """Change a repository."""
        repository, parameters = self.repository_of(call), call.parameters
        changes: dict[str, Any] = {
            "summary": parameters.text("Summary", repository.summary),
            "detail": parameters.text("Detail", repository.detail),
            "tag_immutability": parameters.boolean("TagImmutability", repository.tag_immutability),
        }
        if parameters.text("RepoType"):
            changes["visibility"] = check_visibility("RepoType", parameters.text("RepoType"))
        self.images.update_repository(repository, **changes)
        return {}

    @action("DeleteRepository", "InstanceId RepoId RepoNamespaceName RepoName")
    @telling
    def delete_repository(self, call: Call) -> Answer:
        """Delete a repository with its images."""
        self.images.delete_repository(self.repository_of(call))
        return {}

    @action("ListRepoTag", f"InstanceId RepoId RepoNamespaceName RepoName {PAGING}")
    @telling
    def list_tags(self, call: Call) -> Answer:
        """The tags of a repository that were pushed."""
        tags = self.images.catalogue.tags(self.repository_of(call).key)
        shown = [
            {
                "Tag": tag.name,
                "Digest": tag.digest,
                "ImageId": tag.digest.removeprefix("sha256:"),
                "Status": "NORMAL",
                "ImageCreate": tag.created,
                "ImageUpdate": tag.updated,
                "ImageSize": tag.image_size,
            }
            for tag in tags
        ]
        return paged(call, "Images", shown)

    @action("DeleteRepoTag", "InstanceId RepoId RepoNamespaceName RepoName Tag")
    @telling
    def delete_tag(self, call: Call) -> Answer:
        """Delete a tag."""
        tag = call.parameters.required("Tag")
        if not self.images.catalogue.delete_tag(self.repository_of(call).key, tag):
            raise tag_not_found(tag)
        return {}

    def instance_of(self, call: Call) -> Instance:
        """The instance that the call names, in the call's region."""
        identifier = call.parameters.required("InstanceId")
        instance = self.images.found.instances.get(identifier)
        if instance is None or instance.region != call.region:
            raise instance_not_found(identifier)
        return instance

    def namespace_of(self, call: Call) -> Namespace:
        """The namespace that the call names."""
        instance, parameters = self.instance_of(call), call.parameters
        return self.images.namespace(instance.region, instance.identifier, parameters.required("NamespaceName"))

    def repository_of(self, call: Call) -> ImageRepository:
        """The repository that the call names, by identifier or by name."""
        instance, parameters = self.instance_of(call), call.parameters
        identifier = parameters.text("RepoId")
        if not identifier:
            names = parameters.required("RepoNamespaceName"), parameters.required("RepoName")
            return self.images.repository(instance.region, instance.identifier, *names)
        for repository in self.images.found.repositories_of(instance.region, instance.identifier):
            if repository.identifier == identifier:
                return repository
        raise repository_not_found(identifier)

    def describe_instance(self, instance: Instance) -> dict[str, Any]:
        """An instance as the service describes it."""
        return {
            "InstanceId": instance.identifier,
            "InstanceName": instance.name,
            "InstanceSpecification": f"Enterprise_{instance.edition}",
            "InstanceStatus": "RUNNING",
            "RegionId": instance.region,
            "ResourceGroupId": instance.resource_group_id,
            "CreateTime": int(instance.created.timestamp() * MILLISECONDS),
            "ModifiedTime": int(instance.created.timestamp() * MILLISECONDS),
            "Created": iso(instance.created),
        }


def describe_namespace(namespace: Namespace) -> dict[str, Any]:
    """A namespace as the service describes it."""
    return {
        "InstanceId": namespace.instance,
        "NamespaceId": namespace.identifier,
        "NamespaceName": namespace.name,
        "NamespaceStatus": "NORMAL",
        "AutoCreateRepo": namespace.auto_create,
        "DefaultRepoType": namespace.visibility,
    }


def describe_repository(repository: ImageRepository) -> dict[str, Any]:
    """A repository as the service describes it."""
    return {
        "InstanceId": repository.instance,
        "RepoId": repository.identifier,
        "RepoNamespaceName": repository.namespace,
        "RepoName": repository.name,
        "RepoType": repository.visibility,
        "RepoStatus": "NORMAL",
        "RepoBuildType": "MANUAL",
        "Summary": repository.summary,
        "Detail": repository.detail,
        "TagImmutability": repository.tag_immutability,
        "CreateTime": int(repository.created.timestamp() * MILLISECONDS),
        "ModifiedTime": int(repository.updated.timestamp() * MILLISECONDS),
    }


def paged(call: Call, name: str, every: list[dict[str, Any]]) -> dict[str, Any]:
    """A page of a listing."""
    number, size = call.parameters.integer("PageNo", 1, 1), call.parameters.integer("PageSize", 30, 1, 100)
    chosen = every[(number - 1) * size : number * size]
    return {name: chosen, "PageNo": number, "PageSize": size, "TotalCount": str(len(every))}
