"""The composition root: which parts make an emulated cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.cloud.alidns.api import AlidnsService
from sandbox.cloud.alidns.gtm_model import TrafficManagers
from sandbox.cloud.alidns.gtm_probes import Prober
from sandbox.cloud.alidns.gtm_routing import Routes
from sandbox.cloud.alidns.model import Zones
from sandbox.cloud.bssopenapi.api import BssOpenApiService
from sandbox.cloud.bssopenapi.model import Product
from sandbox.cloud.controllers.autoscaling.manager import AutoscalerManager
from sandbox.cloud.controllers.manager import ControllerManager
from sandbox.cloud.core.accounts import Accounts
from sandbox.cloud.core.authorization import Authorizer
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import Clock, MovableClock
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.dispatch import Dispatcher
from sandbox.cloud.core.faults import Faults
from sandbox.cloud.core.regions import RegionSlots
from sandbox.cloud.core.schedule import Schedule
from sandbox.cloud.core.service import Service
from sandbox.cloud.core.store import Store
from sandbox.cloud.core.throttling import DEFAULT_CALLS_PER_MINUTE
from sandbox.cloud.cr.enterprise import CrEeService
from sandbox.cloud.cr.images import Images
from sandbox.cloud.cr.model import ImageRepositories
from sandbox.cloud.cr.personal import CrService
from sandbox.cloud.cs.api import CsService
from sandbox.cloud.cs.backend import BackendFactory, ClusterBackend
from sandbox.cloud.cs.contents import ContentsReader, KubernetesContents, SimulatedContents
from sandbox.cloud.cs.log_delivery import LogDelivery
from sandbox.cloud.cs.model import Cluster, Clusters
from sandbox.cloud.cs.node_editor import KubernetesNodeEditor, NodeEditor, SimulatedNodeEditor
from sandbox.cloud.cs.node_limits import NodeLimits
from sandbox.cloud.cs.nodes import NodePlanner
from sandbox.cloud.cs.operations import Operations
from sandbox.cloud.dns.lines import Lines
from sandbox.cloud.dns.resolver import Resolver
from sandbox.cloud.dns.server import DnsServer
from sandbox.cloud.ecs.api import EcsService
from sandbox.cloud.ecs.model import Compute
from sandbox.cloud.identity_webhook.api import ClusterServiceAccounts, PodIdentityWebhook
from sandbox.cloud.identity_webhook.model import AUDIENCE
from sandbox.cloud.kms.api import KmsService
from sandbox.cloud.kms.model import Keys
from sandbox.cloud.location.api import LocationService
from sandbox.cloud.ram.api import RamService
from sandbox.cloud.ram.model import Identities
from sandbox.cloud.registry.archives import BuiltImages
from sandbox.cloud.registry.blobs import Blobs
from sandbox.cloud.registry.call import Backend
from sandbox.cloud.registry.catalogue import Catalogue
from sandbox.cloud.registry.service import ImageRegistry
from sandbox.cloud.registry.tokens import Tokens
from sandbox.cloud.slb.api import SlbService
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.cloud.slb.model import Balancers
from sandbox.cloud.sls.api import SlsService
from sandbox.cloud.sls.logs import Logs
from sandbox.cloud.sls.model import LogStores
from sandbox.cloud.sts.api import StsService
from sandbox.cloud.sts.model import OidcProvider
from sandbox.cloud.vpc.api import VpcService
from sandbox.cloud.vpc.model import Networks
from sandbox.settings import SandboxSettings

TRAFFIC_MANAGERS = ("dns_gtm_public_cn", "dns_gtm_public_intl")
DNS = ("alidns_pre", "dns_dns_public_intl")
REGISTRIES = ("acr_ee_public_cn", "acr_ee_public_intl")
"""Product types under which the billing service sells Global Traffic Manager, editions of the DNS service, and
registries."""


@dataclass(frozen=True)
class CloudOptions:
    """What may differ between emulated clouds."""

    endpoint: str
    """Address (and port, unless 443) at which clients and clusters reach the cloud."""
    authority: Path
    """The certificate authority that clusters must trust when they call the cloud."""
    maximum_nodes: int = 4
    """Real nodes that a region may have, unless it was set for the region; those past it are simulated."""
    can_have_real_nodes: bool = True
    simulated: bool = False
    calls_per_minute: int = DEFAULT_CALLS_PER_MINUTE
    """How often one caller may call one action; more is answered with Throttling.User."""
    lines: Mapping[str, str] | None = None
    images: Path | None = None
    """Where the registry keeps images' blobs; None for a cloud without a registry."""


@dataclass
class Cloud:
    """An emulated cloud, without its sockets."""

    context: Context
    services: list[Service]
    dispatcher: Dispatcher
    authorizer: Authorizer
    webhook: PodIdentityWebhook
    dns: DnsServer
    prober: Prober
    operations: Operations
    controllers: ControllerManager
    autoscalers: AutoscalerManager
    contents: ContentsReader
    registry: ImageRegistry | None
    log_delivery: LogDelivery

    @property
    def schedule(self) -> Schedule:
        """What the cloud does at set times."""
        return self.context.schedule

    def start(self) -> None:
        """Go on where the store says that things were."""
        self.controllers.start()
        for service in self.services:
            service.start()

    def stop(self) -> None:
        """End threads and close the store."""
        self.controllers.stop()
        self.autoscalers.stop()
        for service in self.services:
            service.stop()
        if self.registry is not None:
            self.registry.close()
        self.context.store.close()
        self.context.log.close()

    def status(self) -> dict[str, Any]:
        """What the status page shows."""
        return {
            "account": self.context.accounts.account_id,
            "resources": self.context.store.counts(),
            "services": {service.name: dict(service.status()) for service in self.services},
        }


@dataclass(frozen=True)
class ClusterOidcProviders:
    """The identity provider that RAM has for every cluster with RRSA."""

    context: Context
    clusters: Clusters
    operations: Operations

    def find_provider(self, arn: str) -> OidcProvider | None:
        """The cluster's issuer, audience and key."""
        prefix = f"acs:ram::{self.context.accounts.account_id}:oidc-provider/"
        for cluster in self.clusters.clusters.list():
            if cluster.rrsa and cluster.answers and arn == prefix + cluster.oidc_provider_name:
                backend = self.operations.backend(cluster.region)
                return OidcProvider(arn, backend.issuer, backend.service_account_public_key(), (AUDIENCE,))
        return None


def assemble(
    settings: SandboxSettings,
    store: Store,
    clock: MovableClock,
    log: CallLog,
    factory: BackendFactory,
    options: CloudOptions,
    machine_clock: Clock | None = None,
) -> Cloud:
    """Put a cloud together; nothing runs yet. `machine_clock` replaces the machine's own for requests' times."""
    accounts, schedule = Accounts(store, clock), Schedule(store, clock, log)
    context = Context(store, clock, accounts, RegionSlots(store), settings.addresses, log, schedule, Faults(store))
    networks, compute, clusters = Networks(store), Compute(store), Clusters(store)
    identities, zones, keys = Identities(store), Zones(store), Keys(store)
    balancers, log_stores = Balancers(store), LogStores(store)
    load_balancing = BalancerLifecycle(context, balancers, networks)
    controllers = ControllerManager(clusters, load_balancing, networks)
    managers = TrafficManagers(store)
    planner = NodePlanner(
        context, clusters, networks, NodeLimits(store, options.maximum_nodes, options.can_have_real_nodes)
    )

    def install(cluster: Cluster, backend: ClusterBackend) -> None:
        if not options.simulated:
            webhook.install(cluster, backend)
            controllers.ensure(cluster, backend)
            autoscalers.ensure(cluster, backend)

    editor: NodeEditor = SimulatedNodeEditor() if options.simulated else KubernetesNodeEditor()
    operations = Operations(context, clusters, factory, install, planner, editor)
    autoscalers = AutoscalerManager(context, clusters, operations)
    contents: ContentsReader = SimulatedContents(clusters) if options.simulated else KubernetesContents()
    service_accounts = ClusterServiceAccounts(operations.backend)
    webhook = PodIdentityWebhook(context, clusters, service_accounts, f"https://{options.endpoint}", options.authority)
    container_service = CsService(context, clusters, networks, compute, operations, planner, log_stores)

    def user_of(identifier: str) -> str | None:
        groups = compute.security_groups.list()
        group = next((item.identifier for item in groups if item.vpc_id == identifier), None)
        return container_service.uses(identifier) or balancers.user_of(identifier) or group

    authorizer = Authorizer(identities.policies_of_role, identities.policies_of_user)
    names = AlidnsService(context, zones, managers)
    catalogue, tokens = Catalogue(store, clock), Tokens(store, clock, accounts.root.principal)
    blobs = Blobs(options.images) if options.images is not None else None
    images = Images(context, ImageRepositories(store), catalogue, blobs, authorizer)
    registries = CrEeService(context, images, tokens)
    services: list[Service] = [
        VpcService(context, networks, user_of),
        EcsService(context, compute, container_service.uses),
        container_service,
        SlbService(context, balancers, load_balancing),
        names,
        RamService(context, identities),
        StsService(context, identities, ClusterOidcProviders(context, clusters, operations), authorizer),
        KmsService(context, keys),
        SlsService(context, log_stores),
        LocationService(options.endpoint),
        CrService(images, tokens),
        registries,
        BssOpenApiService(
            context,
            dict.fromkeys(TRAFFIC_MANAGERS, Product(names.sell_traffic_manager))
            | dict.fromkeys(DNS, Product(names.sell_product))
            | dict.fromkeys(REGISTRIES, Product(registries.sell, registries.take_back)),
        ),
    ]
    registry = None
    if blobs is not None:
        blobs.collect_garbage(catalogue.blobs())
        built = BuiltImages(settings.cache / "images" / "index.json")
        registry = ImageRegistry(Backend(images, catalogue, blobs, built), tokens, clock)
    return Cloud(
        context=context,
        services=services,
        dispatcher=Dispatcher(context, services, authorizer, machine_clock, options.calls_per_minute),
        authorizer=authorizer,
        webhook=webhook,
        dns=DnsServer(Resolver(zones, routes=Routes(managers)), Lines(options.lines)),
        prober=Prober(managers, clock),
        operations=operations,
        controllers=controllers,
        autoscalers=autoscalers,
        contents=contents,
        registry=registry,
        log_delivery=LogDelivery(context, clusters, operations, log_stores, Logs(store, clock)),
    )
