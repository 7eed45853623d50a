"""Making, changing and deleting load balancers, for the API's actions and for clusters' controllers alike."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.regions import new_identifier, zones
from sandbox.cloud.slb.errors import address_not_usable, load_balancer_not_found
from sandbox.cloud.slb.model import RESOURCE_TYPE, AddressType, Balancers, LoadBalancer
from sandbox.cloud.vpc.addresses import free_public_address
from sandbox.cloud.vpc.errors import vswitch_not_found
from sandbox.cloud.vpc.model import Networks, PublicAddressClaim, VSwitch
from sandbox.cloud.vpc.networks import default_resource_group

RESERVED_ADDRESSES = 4
"""The last addresses of a switch belong to the cloud: the broadcast address and three for its services."""


@dataclass
class BalancerLifecycle:
    """Keeps load balancers and their addresses together."""

    context: Context
    balancers: Balancers
    networks: Networks

    def create(
        self,
        region: str,
        *,
        address_type: AddressType,
        vswitch_id: str = "",
        address: str = "",
        tags: dict[str, str] | None = None,
        **fields: Any,
    ) -> LoadBalancer:
        """Make a load balancer with an address of its own.

        Args:
            region: where.
            address_type: "internet" takes a public address of the region, "intranet" one of the switch.
            vswitch_id: the switch, needed for "intranet".
            address: the private address wanted; default: the highest that is free.
            tags: its tags.
            fields: further fields of the model; empty ones get the cloud's defaults.

        Raises:
            CloudError: when there is no such switch or no such free address.
        """
        given = {name: value for name, value in fields.items() if value not in ("", None)}
        own = zones(region)
        master = str(given.pop("master_zone", own[0]))
        slave = str(given.pop("slave_zone", next((zone for zone in own if zone != master), master)))
        identifier = new_identifier("lb", region)
        with self.context.store.transaction():
            if address_type == "internet":
                address = free_public_address(self.context, self.networks, region)
                claim = PublicAddressClaim(address=address, region=region, instance_id=identifier)
                self.networks.address_claims.put(address, claim, region)
                vswitch_id, vpc_id = "", ""
            else:
                vswitch = self._vswitch(region, vswitch_id)
                address, vpc_id = self._private_address(vswitch, address), vswitch.vpc_id
            made = LoadBalancer(
                identifier=identifier,
                region=region,
                created=self.context.clock.now(),
                name=str(given.pop("name", "auto_named_slb")),
                address=address,
                address_type=address_type,
                vpc_id=vpc_id,
                vswitch_id=vswitch_id,
                master_zone=master,
                slave_zone=slave,
                resource_group_id=str(given.pop("resource_group_id", default_resource_group(self.context))),
                **given,
            )
            self.balancers.load_balancers.put(identifier, made, region)
            self.balancers.tags.add(RESOURCE_TYPE, identifier, tags or {})
        return made

    def find(self, identifier: str, region: str) -> LoadBalancer:
        """The load balancer; the cloud's error when the region has none of this identifier."""
        found = self.balancers.load_balancers.get(identifier)
        if found is None or found.region != region:
            raise load_balancer_not_found(identifier)
        return found

    def update(self, load_balancer: LoadBalancer, **changes: Any) -> LoadBalancer:
        """Keep a changed copy."""
        changed = load_balancer.model_copy(update=changes)
        if changed == load_balancer:
            return load_balancer
        return self.balancers.load_balancers.put(changed.identifier, changed, changed.region)

    def delete(self, load_balancer: LoadBalancer) -> None:
        """Forget it with its listeners and tags, and free its address."""
        identifier = load_balancer.identifier
        with self.context.store.transaction():
            for listener in self.balancers.listeners_of(identifier):
                self.balancers.listeners.delete(listener.key)
            self.balancers.load_balancers.delete(identifier)
            self.balancers.tags.forget(RESOURCE_TYPE, identifier)
            claim = self.networks.address_claims.get(load_balancer.address)
            if claim is not None and claim.instance_id == identifier:
                self.networks.address_claims.delete(load_balancer.address)

    def _vswitch(self, region: str, vswitch_id: str) -> VSwitch:
        vswitch = self.networks.vswitches.get(vswitch_id)
        if not vswitch_id:
            raise invalid_parameter("VSwitchId", vswitch_id, "a load balancer of type intranet needs one")
        if vswitch is None or vswitch.region != region:
            raise vswitch_not_found(vswitch_id)
        return vswitch

    def _private_address(self, vswitch: VSwitch, wanted: str) -> str:
        network = ipaddress.IPv4Network(vswitch.cidr_block)
        balancers = self.balancers.load_balancers.list(vswitch.region)
        taken = {item.address for item in balancers if item.vswitch_id == vswitch.identifier}
        if wanted:
            try:
                inside = ipaddress.IPv4Address(wanted) in network
            except ValueError:
                inside = False
            if not inside:
                raise address_not_usable(wanted, f"switch {vswitch.identifier} has {network}")
            if wanted in taken:
                raise address_not_usable(wanted, "another load balancer has it")
            return wanted
        for offset in range(RESERVED_ADDRESSES, network.num_addresses):
            candidate = str(network[network.num_addresses - 1 - offset])
            if candidate not in taken:
                return candidate
        raise address_not_usable("", f"switch {vswitch.identifier} has no free address left")
