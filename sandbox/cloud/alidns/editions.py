"""Editions of the DNS service, which limit a zone's records; and actions on the instances that are bought of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.cloud.alidns.errors import domain_not_found, product_not_found, ttl_too_short
from sandbox.cloud.alidns.model import Domain, Product, Zones
from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.service import Answer, Call, action


@dataclass(frozen=True)
class Edition:
    """What an edition is called, and its shortest time to live in seconds."""

    name: str
    shortest_ttl: int


EDITIONS = {
    "mianfei": Edition("Free Edition", 600),
    "version_personal": Edition("Personal Edition", 600),
    "version_enterprise_basic": Edition("Enterprise Standard Edition", 60),
    "version_enterprise_advanced": Edition("Enterprise Ultimate Edition", 1),
}
DEFAULT_EDITION = "version_enterprise_advanced"
"""The edition of a zone that no bought instance is bound to. The cloud gives such a zone the free one; here short
times to live are to work without buying anything, so that failover by DNS can be tried."""

SECURITY = {"no": "Not Required", "basic": "DNS Anti-DDoS Basic", "advanced": "DNS Anti-DDoS Advanced"}


class EditionActions:
    """Bought instances of the DNS service, each bound to at most one zone."""

    context: Context
    zones: Zones

    def sell_product(self, components: dict[str, str]) -> str:
        """Make an instance as bought (Version, DNSSecurity, DomainNumbers); its identifier."""
        version = components.get("Version", "")
        if version not in EDITIONS:
            raise invalid_parameter("Version", version, "it must be one of " + ", ".join(EDITIONS))
        security = components.get("DNSSecurity", "no")
        if security not in SECURITY:
            raise invalid_parameter("DNSSecurity", security, "it must be one of " + ", ".join(SECURITY))
        product = Product(
            identifier="dns-cn-" + random_text(11, "abcdefghijklmnopqrstuvwxyz0123456789"),
            version=version,
            security=security,
            domains=components.get("DomainNumbers", "1"),
            created=self.context.clock.now(),
        )
        self.zones.products.put(product.identifier, product)
        return product.identifier

    @action("DescribeDnsProductInstance", "InstanceId Lang UserClientIp")
    def describe_dns_product_instance(self, call: Call) -> Answer:
        """One bought instance."""
        return describe_product(self.find_product(call))

    @action("DescribeDnsProductInstances", f"VersionCode Lang UserClientIp {PAGING}")
    def describe_dns_product_instances(self, call: Call) -> Answer:
        """The account's bought instances."""
        version = call.parameters.text("VersionCode")
        found = [item for item in self.zones.products.list() if version in ("", item.version)]
        chosen, paging = page(found, call.parameters, default_size=20)
        return {"DnsProducts": {"DnsProduct": [describe_product(item) for item in chosen]}, **paging}

    @action("ChangeDomainOfDnsProduct", "InstanceId NewDomain Force Lang UserClientIp")
    def change_domain_of_dns_product(self, call: Call) -> Answer:
        """Bind an instance to a zone, whose edition it then is; without a zone, to none."""
        product, name = self.find_product(call), call.parameters.text("NewDomain").lower()
        force = call.parameters.boolean("Force")
        if name and self.zones.domains.get(name) is None:
            raise domain_not_found(name)
        for other in self.zones.products.list():
            if name and other.domain == name and other.identifier != product.identifier:
                if not force:
                    raise invalid_parameter("NewDomain", name, f"{other.identifier} is bound to it; give Force=true")
                self.zones.products.put(other.identifier, other.model_copy(update={"domain": ""}))
        self.zones.products.put(product.identifier, product.model_copy(update={"domain": name}))
        return {"OriginalDomain": product.domain}

    def edition_of(self, domain: Domain) -> str:
        """A zone's edition: that of the instance bound to it."""
        found = next((item.version for item in self.zones.products.list() if item.domain == domain.name), None)
        return found or DEFAULT_EDITION

    def check_ttl(self, domain: Domain, ttl: int) -> int:
        """A time to live that the zone's edition allows."""
        edition = EDITIONS[self.edition_of(domain)]
        if ttl < edition.shortest_ttl:
            raise ttl_too_short(ttl, edition.shortest_ttl, edition.name)
        return ttl

    def find_product(self, call: Call) -> Product:
        """The bought instance that the call names."""
        identifier = call.parameters.required("InstanceId")
        found = self.zones.products.get(identifier)
        if found is None:
            raise product_not_found(identifier)
        return found


def describe_product(product: Product) -> dict[str, Any]:
    """A bought instance as the service describes it."""
    edition = EDITIONS[product.version]
    return {
        "InstanceId": product.identifier,
        "VersionCode": product.version,
        "VersionName": edition.name,
        "DnsSecurity": SECURITY[product.security],
        "TTLMinValue": edition.shortest_ttl,
        "BindDomainCount": product.domains,
        "BindDomainUsedCount": int(bool(product.domain)),
        "Domain": product.domain,
        "PaymentType": "Subscription",
        "StartTime": iso(product.created),
        "StartTimestamp": int(product.created.timestamp() * 1000),
    }
