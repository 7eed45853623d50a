"""Actions on Global Traffic Manager's instances (2.0, in the DNS service's API)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.cloud.alidns.gtm_model import Instance
from sandbox.cloud.alidns.gtm_pools import items_page, times
from sandbox.cloud.alidns.gtm_routing import effective_set, is_enough
from sandbox.cloud.alidns.gtm_strategies import STRATEGY_MODES, StrategyActions
from sandbox.cloud.alidns.validation import check_domain, check_rr
from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.paging import PAGING
from sandbox.cloud.core.service import Answer, Call, action

TTLS = (60, 120, 300, 600)
EDITIONS = ("standard", "ultimate")
CONFIG = (
    "InstanceName Ttl CnameType PublicCnameMode PublicRr PublicZoneName PublicUserDomainName AlertConfig AlertGroup"
)


class TrafficManagerActions(StrategyActions):
    """Instances, which the billing service sells."""

    def sell_traffic_manager(self, components: dict[str, str]) -> str:
        """Make an instance as bought, with components such as PackageEdition; its identifier."""
        edition = components.get("PackageEdition", "standard")
        if edition not in EDITIONS:
            raise invalid_parameter("PackageEdition", edition, "it must be one of " + ", ".join(EDITIONS))
        counts = [components.get(name, "0") for name in ("HealthcheckTaskCount", "SmsNotificationCount")]
        for count in counts:
            if not count.isdigit():
                raise invalid_parameter("Parameter", count, "counts are whole numbers")
        now = self.context.clock.now()
        instance = Instance(
            identifier="gtm-cn-" + random_text(11, "abcdefghijklmnopqrstuvwxyz0123456789"),
            created=now,
            updated=now,
            edition=edition,
            tasks=int(counts[0]),
            messages=int(counts[1]),
        )
        self.put_instance(instance)
        return instance.identifier

    @action("DescribeDnsGtmInstance", "InstanceId Lang")
    def describe_dns_gtm_instance(self, call: Call) -> Answer:
        """One instance."""
        return describe_instance(self.find_instance(call))

    @action("DescribeDnsGtmInstances", f"Keyword ResourceGroupId Lang {PAGING}")
    def describe_dns_gtm_instances(self, call: Call) -> Answer:
        """The account's instances."""
        word, group = call.parameters.text("Keyword").lower(), call.parameters.text("ResourceGroupId")
        found = [
            item
            for item in self.managers.instances.list()
            if word in item.name.lower() and group in ("", item.resource_group_id)
        ]
        chosen, paging = items_page(found, call.parameters)
        return {"GtmInstances": [list_instance(item) for item in chosen], **paging}

    @action("DescribeDnsGtmInstanceStatus", "InstanceId Lang")
    def describe_dns_gtm_instance_status(self, call: Call) -> Answer:
        """How many addresses are up, and strategies that run on their failover pools."""
        instance = self.find_instance(call).identifier
        pools, strategies = self.managers.pools_of(instance), self.managers.strategies_of(instance)
        total = sum(len(pool.addresses) for pool in pools)
        available = sum(len(self.managers.available(pool)) for pool in pools)
        in_force = [effective_set(self.managers, strategy) for strategy in strategies]
        down = sum(1 for _, chosen in in_force if not is_enough(self.managers, chosen))
        return {
            "AddrAvailableNum": available,
            "AddrNotAvailableNum": total - available,
            "AddrPoolGroupNotAvailableNum": down,
            "StrategyNotAvailableNum": down,
            "SwitchToFailoverStrategyNum": sum(1 for kind, _ in in_force if kind == "FAILOVER"),
        }

    @action("UpdateDnsGtmInstanceGlobalConfig", f"InstanceId ForceUpdate Lang {CONFIG}")
    def update_dns_gtm_instance_global_config(self, call: Call) -> Answer:
        """Change an instance's name, public name, time to live and alerts."""
        parameters, instance = call.parameters, self.find_instance(call)
        parameters.boolean("ForceUpdate")  # asks to overwrite what others changed meanwhile; here every write does
        ttl = parameters.integer("Ttl", instance.ttl)
        if ttl not in TTLS:
            raise invalid_parameter("Ttl", ttl, "it must be one of " + ", ".join(map(str, TTLS)))
        rr, zone = parameters.text("PublicRr"), parameters.text("PublicZoneName")
        user_domain = parameters.text("PublicUserDomainName")
        changed = instance.model_copy(
            update={
                "name": parameters.text("InstanceName", instance.name),
                "ttl": ttl,
                "cname_type": parameters.choice("CnameType", instance.cname_type, ("PUBLIC",)),
                "cname_mode": parameters.choice("PublicCnameMode", instance.cname_mode, ("CUSTOM", "SYSTEM_ASSIGN")),
                "rr": check_rr(rr) if rr else instance.rr,
                "zone": check_domain(zone) if zone else instance.zone,
                "user_domain": check_domain(user_domain) if user_domain else instance.user_domain,
                "alert_group": read_group(parameters.text("AlertGroup", instance.alert_group)),
                "alerts": tuple(parameters.records("AlertConfig")) or instance.alerts,
                "updated": self.context.clock.now(),
            }
        )
        if changed.cname_mode == "CUSTOM" and not (changed.rr and changed.zone):
            raise CloudError("MissingPublicZoneName", "PublicRr and PublicZoneName are mandatory for a CUSTOM name.")
        for other in self.managers.instances.list():
            if other.identifier != changed.identifier and other.public_name == changed.public_name:
                raise CloudError(
                    "DnsGtmInstance.CnameConflict", f"{changed.public_name} is the name of {other.identifier}."
                )
        self.put_instance(changed)
        return {}

    @action("SwitchDnsGtmInstanceStrategyMode", "InstanceId StrategyMode Lang")
    def switch_dns_gtm_instance_strategy_mode(self, call: Call) -> Answer:
        """Answer by the strategies of the other mode."""
        mode = call.parameters.choice("StrategyMode", "", STRATEGY_MODES)
        self.put_instance(self.find_instance(call).model_copy(update={"strategy_mode": mode}))
        return {}

    @action("MoveGtmResourceGroup", "ResourceId NewResourceGroupId Lang")
    def move_gtm_resource_group(self, call: Call) -> Answer:
        """Put an instance into another resource group."""
        identifier = call.parameters.required("ResourceId")
        found = self.instance_of(identifier)
        self.put_instance(
            found.model_copy(update={"resource_group_id": call.parameters.required("NewResourceGroupId")})
        )
        return {}

    def put_instance(self, instance: Instance) -> None:
        """Keep an instance."""
        self.managers.instances.put(instance.identifier, instance)
        self.managers.changed()


def describe_instance(instance: Instance) -> dict[str, Any]:
    """An instance as the service describes it; "PubicZoneName" is the service's own spelling."""
    alerts = [{name: _boolean(value) for name, value in alert.items()} for alert in instance.alerts]
    config = {
        "InstanceName": instance.name,
        "Ttl": instance.ttl,
        "StrategyMode": instance.strategy_mode,
        "CnameType": instance.cname_type,
        "PublicCnameMode": instance.cname_mode,
        "PublicRr": instance.public_rr,
        "PubicZoneName": instance.public_zone,
        "PublicUserDomainName": instance.user_domain,
        "AlertGroup": instance.alert_group,
        "AlertConfig": {"AlertConfig": alerts},
    }
    found = times(instance.created, instance.updated)
    return {
        "InstanceId": instance.identifier,
        "PaymentType": "Subscription",
        "VersionCode": instance.edition,
        "ResourceGroupId": instance.resource_group_id,
        "TaskQuota": instance.tasks,
        "SmsQuota": instance.messages,
        "UsedQuota": {"TaskUsedCount": 0, "SmsUsedCount": 0, "EmailUsedCount": 0, "DingtalkUsedCount": 0},
        "CreateTime": found["CreateTime"],
        "CreateTimestamp": found["CreateTimestamp"],
        "Config": config,
    }


def list_instance(instance: Instance) -> dict[str, Any]:
    """An instance as the listing describes it: the zone's name is spelt right there, and alerts are a plain list."""
    found = describe_instance(instance)
    config = dict(found["Config"])
    config["PublicZoneName"] = config.pop("PubicZoneName")
    config["AlertConfig"] = config["AlertConfig"]["AlertConfig"]
    return {**found, "Config": config}


def _boolean(value: str) -> bool | str:
    return {"true": True, "false": False}.get(value.lower(), value)


def read_group(text: str) -> str:
    """Alert groups: a JSON list of names."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise invalid_parameter("AlertGroup", text, "it is a JSON list of the alert groups' names")
    return text
