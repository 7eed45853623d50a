"""Actions on address pools and their monitors."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from sandbox.cloud.alidns.gtm_errors import (
    instance_not_found,
    monitor_exists,
    monitor_not_found,
    pool_in_use,
    pool_not_found,
)
from sandbox.cloud.alidns.gtm_model import Address, Instance, Monitor, Pool, TrafficManagers
from sandbox.cloud.alidns.validation import check_domain
from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter, missing_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.parameters import Parameters
from sandbox.cloud.core.service import Answer, Call, action

POOL_KINDS = ("IPV4", "IPV6", "DOMAIN")
SHARINGS = ("ALL_RR", "RATIO")
MODES = ("SMART", "ONLINE", "OFFLINE")
PROTOCOLS = ("HTTP", "HTTPS", "PING", "TCP")
INTERVALS = (15, 60)
TIMEOUTS = (2000, 3000, 5000, 10000)
MOST_ADDRESSES = 20
Item = TypeVar("Item")
MONITOR = "ProtocolType Interval EvaluationCount Timeout MonitorExtendInfo IspCityNode"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class PoolActions:
    """Pools of addresses, each with at most one monitor."""

    context: Context
    managers: TrafficManagers

    @action("AddDnsGtmAddressPool", f"InstanceId Name Type LbaStrategy Addr MonitorStatus Lang {MONITOR}")
    def add_dns_gtm_address_pool(self, call: Call) -> Answer:
        """Make a pool, with a monitor when its protocol is given."""
        parameters, instance = call.parameters, self.find_instance(call)
        kind, now = parameters.choice("Type", "", POOL_KINDS), self.context.clock.now()
        monitor = None
        if parameters.given("ProtocolType"):
            enabled = parameters.choice("MonitorStatus", "OPEN", ("OPEN", "CLOSE")) == "OPEN"
            monitor = read_monitor(parameters, None, now).model_copy(update={"enabled": enabled})
        pool = Pool(
            identifier="pool-" + random_text(12, ALPHABET),
            created=now,
            updated=now,
            instance=instance.identifier,
            name=parameters.required("Name"),
            kind=cast(Any, kind),
            strategy=cast(Any, parameters.choice("LbaStrategy", "ALL_RR", SHARINGS)),
            addresses=read_addresses(parameters, kind),
            monitor=monitor,
        )
        self.put_pool(pool)
        return {"AddrPoolId": pool.identifier, "MonitorConfigId": monitor.identifier if monitor else ""}

    @action("UpdateDnsGtmAddressPool", "AddrPoolId Name LbaStrategy Addr Lang")
    def update_dns_gtm_address_pool(self, call: Call) -> Answer:
        """Change a pool; addresses given replace all that it had."""
        parameters, pool = call.parameters, self.find_pool(call)
        given = parameters.records("Addr")
        addresses = read_addresses(parameters, pool.kind) if given else pool.addresses
        changes = {
            "name": parameters.text("Name", pool.name),
            "strategy": parameters.choice("LbaStrategy", pool.strategy, SHARINGS),
            "addresses": addresses,
            "updated": self.context.clock.now(),
        }
        kept = {address.value for address in addresses}
        self.managers.forget_health(pool.identifier, [item.value for item in pool.addresses if item.value not in kept])
        self.put_pool(pool.model_copy(update=changes))
        return {}

    @action("DeleteDnsGtmAddressPool", "AddrPoolId Lang")
    def delete_dns_gtm_address_pool(self, call: Call) -> Answer:
        """Delete a pool that no access strategy uses."""
        pool = self.find_pool(call)
        for strategy in self.managers.strategies_of(pool.instance):
            sets = [strategy.default, *([strategy.failover] if strategy.failover else [])]
            if any(pool.identifier in found.pools for found in sets):
                raise pool_in_use(pool.identifier, strategy.identifier)
        self.managers.forget_health(pool.identifier, [address.value for address in pool.addresses])
        self.managers.pools.delete(pool.identifier)
        self.managers.changed()
        return {}

    @action("DescribeDnsGtmInstanceAddressPool", "AddrPoolId Lang")
    def describe_dns_gtm_instance_address_pool(self, call: Call) -> Answer:
        """One pool, with its addresses and whether they are up."""
        pool = self.find_pool(call)
        addresses = [self.describe_address(pool, address) for address in pool.addresses]
        return {**describe_pool(pool), "Addrs": {"Addr": addresses}}

    @action("DescribeDnsGtmInstanceAddressPools", f"InstanceId Lang {PAGING}")
    def describe_dns_gtm_instance_address_pools(self, call: Call) -> Answer:
        """An instance's pools."""
        found = self.managers.pools_of(self.find_instance(call).identifier)
        chosen, paging = items_page(found, call.parameters)
        return {"AddrPools": {"AddrPool": [describe_pool(pool) for pool in chosen]}, **paging}

    @action("AddDnsGtmMonitor", f"AddrPoolId Lang {MONITOR}")
    def add_dns_gtm_monitor(self, call: Call) -> Answer:
        """Let a pool's addresses be probed."""
        pool = self.find_pool(call)
        if pool.monitor is not None:
            raise monitor_exists(pool.identifier)
        monitor = read_monitor(call.parameters, None, self.context.clock.now())
        self.put_pool(pool.model_copy(update={"monitor": monitor}))
        return {"MonitorConfigId": monitor.identifier}

    @action("UpdateDnsGtmMonitor", f"MonitorConfigId Lang {MONITOR}")
    def update_dns_gtm_monitor(self, call: Call) -> Answer:
        """Change how addresses are probed; what was found before is forgotten."""
        pool, monitor = self.find_monitor(call)
        changed = read_monitor(call.parameters, monitor, self.context.clock.now())
        self.managers.forget_health(pool.identifier, [address.value for address in pool.addresses])
        self.put_pool(pool.model_copy(update={"monitor": changed}))
        return {}

    @action("SetDnsGtmMonitorStatus", "MonitorConfigId Status Lang")
    def set_dns_gtm_monitor_status(self, call: Call) -> Answer:
        """Turn a monitor on or off."""
        pool, monitor = self.find_monitor(call)
        enabled = call.parameters.choice("Status", "", ("OPEN", "CLOSE")) == "OPEN"
        self.put_pool(pool.model_copy(update={"monitor": monitor.model_copy(update={"enabled": enabled})}))
        return {}

    @action("DescribeDnsGtmMonitorConfig", "MonitorConfigId Lang")
    def describe_dns_gtm_monitor_config(self, call: Call) -> Answer:
        """One monitor."""
        _, monitor = self.find_monitor(call)
        return {
            "MonitorConfigId": monitor.identifier,
            "ProtocolType": monitor.protocol,
            "Interval": monitor.interval,
            "EvaluationCount": monitor.evaluations,
            "Timeout": monitor.timeout,
            "MonitorExtendInfo": monitor.extension,
            "IspCityNodes": {"IspCityNode": list(monitor.nodes)},
            **times(monitor.created, monitor.updated),
        }

    def describe_address(self, pool: Pool, address: Address) -> dict[str, Any]:
        """An address as the service describes it."""
        return {
            "Addr": address.value,
            "Mode": address.mode,
            "LbaWeight": address.weight,
            "AttributeInfo": address.attribute_info,
            "Remark": address.remark,
            "AlertStatus": "OK" if self.managers.health(pool.identifier, address.value).up else "ALERT",
            **times(pool.created, pool.updated),
        }

    def put_pool(self, pool: Pool) -> None:
        """Keep a pool."""
        self.managers.pools.put(pool.identifier, pool)
        self.managers.changed()

    def find_instance(self, call: Call) -> Instance:
        """The instance that the call names."""
        return self.instance_of(call.parameters.required("InstanceId"))

    def instance_of(self, identifier: str) -> Instance:
        """The instance of this identifier."""
        found = self.managers.instances.get(identifier)
        if found is None:
            raise instance_not_found(identifier)
        return found

    def find_pool(self, call: Call) -> Pool:
        """The pool that the call names."""
        identifier = call.parameters.required("AddrPoolId")
        found = self.managers.pools.get(identifier)
        if found is None:
            raise pool_not_found(identifier)
        return found

    def find_monitor(self, call: Call) -> tuple[Pool, Monitor]:
        """The monitor that the call names, and its pool."""
        identifier = call.parameters.required("MonitorConfigId")
        for pool in self.managers.pools.list():
            if pool.monitor is not None and pool.monitor.identifier == identifier:
                return pool, pool.monitor
        raise monitor_not_found(identifier)


def items_page(items: Sequence[Item], parameters: Parameters) -> tuple[list[Item], dict[str, int]]:
    """A page as the traffic manager's listings describe it, with TotalItems and TotalPages."""
    chosen, paging = page(items, parameters, default_size=20)
    total, size = paging.pop("TotalCount"), paging["PageSize"]
    return chosen, {**paging, "TotalItems": total, "TotalPages": -(-total // size)}


def describe_pool(pool: Pool) -> dict[str, Any]:
    """A pool as the service describes it, without its addresses."""
    monitor = pool.monitor
    status = "UNCONFIGURED" if monitor is None else "OPEN" if monitor.enabled else "CLOSE"
    return {
        "AddrPoolId": pool.identifier,
        "Name": pool.name,
        "Type": pool.kind,
        "LbaStrategy": pool.strategy,
        "AddrCount": len(pool.addresses),
        "MonitorConfigId": monitor.identifier if monitor is not None else "",
        "MonitorStatus": status,
        **times(pool.created, pool.updated),
    }


def times(created: datetime.datetime, updated: datetime.datetime) -> dict[str, Any]:
    """The times that every description has."""
    return {
        "CreateTime": iso(created),
        "CreateTimestamp": int(created.timestamp() * 1000),
        "UpdateTime": iso(updated),
        "UpdateTimestamp": int(updated.timestamp() * 1000),
    }


def read_addresses(parameters: Parameters, kind: str) -> tuple[Address, ...]:
    """The addresses given, each once and of the pool's type."""
    found: dict[str, Address] = {}
    for record in parameters.records("Addr"):
        value, mode = check_address(record.get("Addr", ""), kind), record.get("Mode", "SMART")
        if mode not in MODES:
            raise invalid_parameter("Addr.Mode", mode, "it must be one of " + ", ".join(MODES))
        weight = record.get("LbaWeight", "1")
        if not weight.isdigit() or not 1 <= int(weight) <= 100:
            raise invalid_parameter("Addr.LbaWeight", weight, "it must be a whole number from 1 to 100")
        if value in found:
            raise invalid_parameter("Addr.Addr", value, "it is there twice")
        found[value] = Address(
            value=value,
            mode=cast(Any, mode),
            weight=int(weight),
            attribute_info=record.get("AttributeInfo", "{}"),
            remark=record.get("Remark", ""),
        )
    if not 1 <= len(found) <= MOST_ADDRESSES:
        raise (
            missing_parameter("Addr")
            if not found
            else invalid_parameter("Addr", len(found), f"a pool has at most {MOST_ADDRESSES} addresses")
        )
    return tuple(found.values())


def check_address(value: str, kind: str) -> str:
    """An address of the pool's type."""
    if kind == "DOMAIN":
        return check_domain(value)
    try:
        return str(ipaddress.IPv4Address(value) if kind == "IPV4" else ipaddress.IPv6Address(value))
    except ValueError as error:
        raise invalid_parameter("Addr.Addr", value, str(error)) from None


def read_monitor(parameters: Parameters, before: Monitor | None, now: datetime.datetime) -> Monitor:
    """The monitor that is described; what is not given stays as `before`."""
    extension = parameters.text("MonitorExtendInfo", before.extension if before else "{}")
    try:
        parsed = json.loads(extension)
        port = int(parsed.get("port") or 80)
        int(parsed.get("code") or 500)
    except (ValueError, AttributeError, TypeError):
        raise invalid_parameter("MonitorExtendInfo", extension, 'it is a JSON object: {"port":80}') from None
    if not 1 <= port <= 65535:
        raise invalid_parameter("MonitorExtendInfo", extension, "its port is from 1 to 65535")
    nodes = parameters.records("IspCityNode")
    interval = parameters.integer("Interval", before.interval if before else 60)
    timeout = parameters.integer("Timeout", before.timeout if before else 3000)
    for name, value, allowed in (("Interval", interval, INTERVALS), ("Timeout", timeout, TIMEOUTS)):
        if value not in allowed:
            raise invalid_parameter(name, value, "it must be one of " + ", ".join(map(str, allowed)))
    return Monitor(
        identifier=before.identifier if before else random_text(12, ALPHABET),
        enabled=before.enabled if before else True,
        protocol=parameters.choice("ProtocolType", before.protocol if before else "", PROTOCOLS),
        interval=interval,
        evaluations=parameters.integer("EvaluationCount", before.evaluations if before else 3, 1, 3),
        timeout=timeout,
        extension=extension,
        nodes=tuple(nodes) if nodes else before.nodes if before else (),
        created=before.created if before else now,
        updated=now,
    )
