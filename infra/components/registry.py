"""A region's image registry: a private namespace with a repository for each of the project's images."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX

IMAGES = {
    "trainer": "Trains a language model with ElasticDL, and serves it",
    "controllers": "Status monitor, backup and traffic controller",
}


@dataclass(frozen=True)
class RegistryArgs:
    """What a registry is made from."""

    namespace: str


class Registry(pulumi.ComponentResource):
    """The namespace. Nothing is made by a push: an image whose name is misspelt is refused."""

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        namespace = alicloud.cr.Namespace(
            f"{name}-namespace",
            name=args.namespace,
            auto_create=False,
            default_visibility="PRIVATE",
            opts=child,
        )
        for image, summary in IMAGES.items():
            alicloud.cr.Repo(
                f"{name}-{image}",
                namespace=namespace.name,
                name=image,
                summary=summary,
                repo_type="PRIVATE",
                opts=child,
            )
        self.namespace = namespace.name
        self.register_outputs({"namespace": self.namespace})
