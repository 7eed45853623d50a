"""`pulumi-resource-kubernetes`: the engine's provider protocol for objects of a Kubernetes cluster."""

# ruff: noqa: N802 - methods have the names of the protocol
from __future__ import annotations

import json
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.pulumi.kubernetes import configuration
from sandbox.pulumi.kubernetes.answers import call
from sandbox.pulumi.kubernetes.client import Client
from sandbox.pulumi.kubernetes.cluster import Cluster
from sandbox.pulumi.kubernetes.errors import ProviderError
from sandbox.pulumi.kubernetes.resources import Resources
from sandbox.pulumi.kubernetes.values import decode
from sandbox.pulumi.plugin_process import EngineLog, serve

THREADS = 128
"""The engine asks for many resources at once, and each that waits for its readiness holds a thread."""


class KubernetesProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls; what they do with objects stands in `resources`."""

    def __init__(self, version: str, engine_address: str) -> None:
        self._version = version
        self._engine_address = engine_address
        self._cluster: Cluster | None = None
        self._resources: Resources | None = None

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The engine's address, and what this provider can do."""
        self._engine_address = request.engine_address or self._engine_address
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True
        )

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The version whose resource types are served."""
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The package's name only: types are generic here, each kind that a cluster serves."""
        schema = {"name": "kubernetes", "version": self._version, "resources": {}, "types": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Another engine takes this process over, for debugging."""
        self._engine_address = request.address
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """End all waiting; what was made stays in the state."""
        if self._cluster is not None:
            self._cluster.cancelled.set()
        return empty_pb2.Empty()

    def close(self) -> None:
        """End all waiting and all connections."""
        if self._cluster is not None:
            self._cluster.cancelled.set()
            self._cluster.client.close()

    def Parameterize(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Not supported."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the Kubernetes provider takes no parameters")

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Not supported: rendering of charts and YAML files is the official plugin's."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, _unsupported(request.tok))

    def Call(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Not supported."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, _unsupported(request.tok))

    def Construct(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Not supported: components (ConfigGroup, Chart) are the official plugin's."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, _unsupported(request.type))

    @call
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Judge the provider's inputs."""
        failures = [
            provider_pb2.CheckFailure(property=name, reason=reason)
            for name, reason in configuration.problems(decode(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @call
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Whether other inputs mean another cluster."""
        old = request.old_inputs if request.HasField("old_inputs") else request.olds
        changed, replaced = configuration.changed(decode(old), decode(request.news))
        kinds = provider_pb2.DiffResponse
        return kinds(
            changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE, diffs=changed, replaces=replaced, stables=[]
        )

    @call
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Remember cluster and behaviour; nothing is asked of the cluster yet."""
        inputs = decode(request.args)
        chosen = configuration.credentials(inputs)
        self._cluster = Cluster(Client(chosen), configuration.behaviour(inputs, chosen))
        self._resources = Resources(self._cluster, EngineLog(self._engine_address))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptResources=False,
            acceptOutputs=False,
            supports_autonaming_configuration=True,
        )

    @call
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Complete the inputs."""
        return self._configured().check(request)

    @call
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Compare the inputs with the old ones."""
        return self._configured().diff(request)

    @call
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make an object and wait for its readiness."""
        return self._configured().create(request)

    @call
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change an object and wait for its readiness."""
        return self._configured().update(request)

    @call
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Look at an object, for refresh and import."""
        return self._configured().read(request)

    @call
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Delete an object and wait until it is gone."""
        self._configured().delete(request)
        return empty_pb2.Empty()

    def _configured(self) -> Resources:
        if self._resources is None:
            raise ProviderError("the Kubernetes provider was not configured; give it a kubeconfig")
        return self._resources


def _unsupported(token: str) -> str:
    return (
        f"{token} needs the official Kubernetes plugin, which this one stands in for; "
        f"declare the objects as resources of their own kinds"
    )


def main(version: str, arguments: list[str]) -> None:
    """Serve until the engine is done. The engine's address is the last argument, if it is given."""
    provider = KubernetesProvider(version, arguments[-1] if arguments else "")
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server),
        provider.close,
        THREADS,
    )
