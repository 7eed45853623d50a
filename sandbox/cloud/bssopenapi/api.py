"""The billing service, API version 2017-12-14. Nothing costs anything; what was sold stays until it is given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.cloud.bssopenapi.model import Product, Subscription
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.core.store import Repository

SUCCESS = {"Success": True, "Code": "Success", "Message": "Success"}


@dataclass
class BssOpenApiService(Service):
    """Subscriptions of other services' instances."""

    name: ClassVar[str] = "BssOpenApi"
    version: ClassVar[str] = "2017-12-14"
    hosts: ClassVar[tuple[str, ...]] = ("business",)

    context: Context
    products: Mapping[str, Product] = field(default_factory=dict)
    """By product type."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sold = Repository(self.context.store, "subscription", Subscription)

    @action(
        "CreateInstance",
        "ProductCode ProductType SubscriptionType Period RenewPeriod RenewalStatus Parameter Lang",
    )
    def create_instance(self, call: Call) -> Answer:
        """Buy an instance of another service; for how long, and whether renewed, is noted: it stays."""
        parameters = call.parameters
        code, kind = parameters.required("ProductCode"), parameters.required("ProductType")
        paid = parameters.choice("SubscriptionType", "Subscription", ("Subscription", "PayAsYouGo"))
        renewal = parameters.choice("RenewalStatus", "ManualRenewal", ("AutoRenewal", "ManualRenewal", "NotRenewal"))
        months, renewal_months = parameters.integer("Period", 1, 1), parameters.integer("RenewPeriod", 0, 0)
        product = self.products.get(kind)
        if product is None:
            raise invalid_parameter("ProductType", kind, "the emulator sells " + ", ".join(sorted(self.products)))
        components = {item.get("Code", ""): item.get("Value", "") for item in parameters.records("Parameter")}
        with self.context.store.transaction():
            identifier = product.sell(components)
            if product.take_back is not None:
                subscription = Subscription(
                    instance=identifier,
                    product_code=code,
                    product_type=kind,
                    region=components.get("Region", call.region),
                    kind=paid,
                    months=months,
                    renewal=renewal,
                    renewal_months=renewal_months,
                    created=self.context.clock.now(),
                )
                self.sold.put(identifier, subscription, subscription.region)
        return {**SUCCESS, "Data": {"InstanceId": identifier, "OrderId": identifier}}

    @action("RefundInstance", "InstanceId ProductCode ProductType ImmediatelyRelease")
    def refund_instance(self, call: Call) -> Answer:
        """Give an instance back; it is gone at once, whatever `ImmediatelyRelease` says."""
        parameters = call.parameters
        identifier = parameters.required("InstanceId")
        for name in ("ProductCode", "ProductType", "ImmediatelyRelease"):
            parameters.text(name)
        subscription = self.sold.get(identifier)
        product = self.products.get(subscription.product_type) if subscription is not None else None
        if product is None or product.take_back is None:
            raise CloudError("ResourceNotExists", f"The instance {identifier} was not sold here.", 404)
        product.take_back(identifier)
        self.sold.delete(identifier)
        return {**SUCCESS, "Data": {"OrderId": identifier}}

    @action("QueryAvailableInstances", "PageNum PageSize ProductCode ProductType SubscriptionType InstanceIDs Region")
    def query_available_instances(self, call: Call) -> Answer:
        """What was sold. Success alone tells the Terraform provider that the account is domestic."""
        parameters = call.parameters
        size, number = parameters.integer("PageSize", 20, 1, 300), parameters.integer("PageNum", 1, 1)
        wanted = [identifier for identifier in parameters.text("InstanceIDs").split(",") if identifier]
        code, kind, region = (parameters.text(name) for name in ("ProductCode", "ProductType", "Region"))
        paid = parameters.text("SubscriptionType")
        found = [
            describe(one, self.context.accounts.account_id)
            for one in self.sold.list()
            if (not wanted or one.instance in wanted)
            and code in ("", one.product_code)
            and kind in ("", one.product_type)
            and region in ("", one.region)
            and paid in ("", one.kind)
        ]
        chosen = found[(number - 1) * size : number * size]
        data = {"PageNum": number, "PageSize": size, "TotalCount": len(found), "InstanceList": chosen}
        return {**SUCCESS, "Data": data}


def describe(subscription: Subscription, account_id: str) -> dict[str, Any]:
    """Something sold, as the service describes it."""
    described: dict[str, Any] = {
        "InstanceID": subscription.instance,
        "OwnerId": account_id,
        "ProductCode": subscription.product_code,
        "ProductType": subscription.product_type,
        "Region": subscription.region,
        "SubscriptionType": subscription.kind,
        "Status": "Normal",
        "CreateTime": iso(subscription.created),
        "EndTime": iso(subscription.end) if subscription.end is not None else "",
        "RenewStatus": subscription.renewal,
    }
    if subscription.renewal_months:
        described["RenewalDuration"] = subscription.renewal_months
    return described
