"""Actions on access strategies: which pools answer the users of which lines.

A strategy by latency keeps its settings and is answered by line; the emulator has no latencies to choose by.
"""

from __future__ import annotations

import json
from typing import Any, cast

from sandbox.cloud.alidns.gtm_errors import line_taken, pool_kind, pool_not_found, strategy_not_found
from sandbox.cloud.alidns.gtm_model import Pool, PoolSet, Strategy
from sandbox.cloud.alidns.gtm_pools import ALPHABET, POOL_KINDS, SHARINGS, PoolActions, items_page, times
from sandbox.cloud.alidns.gtm_routing import available_count, effective_set, is_enough
from sandbox.cloud.alidns.validation import check_line
from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.errors import invalid_parameter, missing_parameter
from sandbox.cloud.core.paging import PAGING
from sandbox.cloud.core.parameters import Parameters
from sandbox.cloud.core.service import Answer, Call, action

ACCESS_MODES = ("AUTO", "DEFAULT", "FAILOVER")
STRATEGY_MODES = ("GEO", "LATENCY")
SET_PARAMETERS = "AddrPool AddrPoolType LatencyOptimization LbaStrategy MaxReturnAddrNum MinAvailableAddrNum"
SETS = " ".join(f"{side}{name}" for side in ("Default", "Failover") for name in SET_PARAMETERS.split())


class StrategyActions(PoolActions):
    """Access strategies of instances."""

    @action("AddDnsGtmAccessStrategy", f"InstanceId StrategyName StrategyMode Lines Lang {SETS}")
    def add_dns_gtm_access_strategy(self, call: Call) -> Answer:
        """Make an access strategy."""
        parameters, instance = call.parameters, self.find_instance(call)
        now, failover = self.context.clock.now(), None
        if parameters.records("FailoverAddrPool"):
            failover = self.read_set(parameters, "Failover", instance.identifier, None)
        strategy = Strategy(
            identifier="strategy-" + random_text(12, ALPHABET),
            created=now,
            updated=now,
            instance=instance.identifier,
            name=parameters.required("StrategyName"),
            mode=parameters.choice("StrategyMode", instance.strategy_mode, STRATEGY_MODES),
            lines=read_lines(parameters, ()),
            access="AUTO",
            default=self.read_set(parameters, "Default", instance.identifier, None),
            failover=failover,
        )
        self.put_strategy(strategy)
        return {"StrategyId": strategy.identifier}

    @action("UpdateDnsGtmAccessStrategy", f"StrategyId StrategyName AccessMode Lines Lang {SETS}")
    def update_dns_gtm_access_strategy(self, call: Call) -> Answer:
        """Change an access strategy."""
        parameters, strategy = call.parameters, self.find_strategy(call)
        failover = strategy.failover
        if failover is not None or parameters.records("FailoverAddrPool"):
            failover = self.read_set(parameters, "Failover", strategy.instance, strategy.failover)
        changes = {
            "name": parameters.text("StrategyName", strategy.name),
            "access": parameters.choice("AccessMode", strategy.access, ACCESS_MODES),
            "lines": read_lines(parameters, strategy.lines),
            "default": self.read_set(parameters, "Default", strategy.instance, strategy.default),
            "failover": failover,
            "updated": self.context.clock.now(),
        }
        self.put_strategy(strategy.model_copy(update=changes))
        return {"StrategyId": strategy.identifier}

    @action("SetDnsGtmAccessMode", "StrategyId AccessMode Lang")
    def set_dns_gtm_access_mode(self, call: Call) -> Answer:
        """Choose between the two sets by hand, or let availability choose."""
        strategy = self.find_strategy(call)
        access = call.parameters.choice("AccessMode", "", ACCESS_MODES)
        self.put_strategy(strategy.model_copy(update={"access": cast(Any, access)}))
        return {}

    @action("DeleteDnsGtmAccessStrategy", "StrategyId Lang")
    def delete_dns_gtm_access_strategy(self, call: Call) -> Answer:
        """Delete an access strategy."""
        self.managers.strategies.delete(self.find_strategy(call).identifier)
        self.managers.changed()
        return {}

    @action("DescribeDnsGtmAccessStrategy", "StrategyId Lang")
    def describe_dns_gtm_access_strategy(self, call: Call) -> Answer:
        """One access strategy, with the set that is in force."""
        strategy = self.find_strategy(call)
        return {
            **self.describe_strategy(strategy),
            "InstanceId": strategy.instance,
            "StrategyMode": strategy.mode,
            "AccessMode": strategy.access,
            **self.describe_set("Default", strategy.default),
            **self.describe_set("Failover", strategy.failover),
        }

    @action("DescribeDnsGtmAccessStrategies", f"InstanceId StrategyMode Lang {PAGING}")
    def describe_dns_gtm_access_strategies(self, call: Call) -> Answer:
        """An instance's access strategies of one mode."""
        instance = self.find_instance(call)
        mode = call.parameters.choice("StrategyMode", instance.strategy_mode, STRATEGY_MODES)
        found = [item for item in self.managers.strategies_of(instance.identifier) if item.mode == mode]
        chosen, paging = items_page(found, call.parameters)
        return {"Strategies": {"Strategy": [self.describe_strategy(item) for item in chosen]}, **paging}

    def describe_strategy(self, strategy: Strategy) -> dict[str, Any]:
        """A strategy as listings describe it."""
        kind, chosen = effective_set(self.managers, strategy)
        lines = [
            {"LineCode": line, "LineName": line, "GroupCode": line.split("_")[0], "GroupName": line.split("_")[0]}
            for line in strategy.lines
        ]
        return {
            "StrategyId": strategy.identifier,
            "StrategyName": strategy.name,
            "EffectiveAddrPoolGroupType": kind,
            "EffectiveAddrPoolType": chosen.kind,
            "EffectiveLbaStrategy": chosen.strategy,
            "EffectiveAddrPools": {"EffectiveAddrPool": self.describe_pools(chosen)},
            "Lines": {"Line": lines},
            **times(strategy.created, strategy.updated),
        }

    def describe_set(self, side: str, pools: PoolSet | None) -> dict[str, Any]:
        """One of a strategy's sets, its fields named for the side."""
        if pools is None:
            return {f"{side}AddrPools": {f"{side}AddrPool": []}, f"{side}AvailableAddrNum": 0}
        return {
            f"{side}AddrPoolType": pools.kind,
            f"{side}LbaStrategy": pools.strategy,
            f"{side}LatencyOptimization": pools.latency,
            f"{side}MinAvailableAddrNum": pools.minimum,
            f"{side}MaxReturnAddrNum": pools.maximum,
            f"{side}AvailableAddrNum": available_count(self.managers, pools),
            f"{side}AddrPoolGroupStatus": "AVAILABLE" if is_enough(self.managers, pools) else "NOT_AVAILABLE",
            f"{side}AddrPools": {f"{side}AddrPool": self.describe_pools(pools)},
        }

    def describe_pools(self, pools: PoolSet) -> list[dict[str, Any]]:
        """The pools of a set."""
        described = []
        for identifier, weight in pools.pools.items():
            pool = self.managers.pools.get(identifier)
            if pool is not None:
                count = len(pool.addresses)
                described.append({"Id": identifier, "Name": pool.name, "LbaWeight": weight, "AddrCount": count})
        return described

    def read_set(self, parameters: Parameters, side: str, instance: str, before: PoolSet | None) -> PoolSet:
        """One of a strategy's sets as given; what is not given stays as `before`."""
        kind = parameters.choice(f"{side}AddrPoolType", before.kind if before else "", POOL_KINDS)
        pools = {}
        for record in parameters.records(f"{side}AddrPool"):
            pool = self.pool_of(instance, record.get("Id", ""))
            if pool.kind != kind:
                raise pool_kind(pool.identifier, pool.kind, kind)
            weight = record.get("LbaWeight", "1")
            if not weight.isdigit() or not 1 <= int(weight) <= 100:
                raise invalid_parameter(f"{side}AddrPool.LbaWeight", weight, "it must be a whole number from 1 to 100")
            pools[pool.identifier] = int(weight)
        if not pools and before is None:
            raise missing_parameter(f"{side}AddrPool")
        return PoolSet(
            kind=kind,
            strategy=parameters.choice(f"{side}LbaStrategy", before.strategy if before else "ALL_RR", SHARINGS),
            pools=pools or (before.pools if before else {}),
            minimum=parameters.integer(f"{side}MinAvailableAddrNum", before.minimum if before else 1, 1),
            maximum=parameters.integer(f"{side}MaxReturnAddrNum", before.maximum if before else 0, 0),
            latency=parameters.choice(
                f"{side}LatencyOptimization", before.latency if before else "CLOSE", ("OPEN", "CLOSE")
            ),
        )

    def pool_of(self, instance: str, identifier: str) -> Pool:
        """A pool of the instance."""
        found = self.managers.pools.get(identifier)
        if found is None or found.instance != instance:
            raise pool_not_found(identifier)
        return found

    def put_strategy(self, strategy: Strategy) -> None:
        """Keep a strategy whose lines no other of its instance and mode has."""
        for other in self.managers.strategies_of(strategy.instance):
            if other.identifier == strategy.identifier or other.mode != strategy.mode:
                continue
            for line in strategy.lines:
                if line in other.lines:
                    raise line_taken(line, other.identifier)
        self.managers.strategies.put(strategy.identifier, strategy)
        self.managers.changed()

    def find_strategy(self, call: Call) -> Strategy:
        """The strategy that the call names."""
        identifier = call.parameters.required("StrategyId")
        found = self.managers.strategies.get(identifier)
        if found is None:
            raise strategy_not_found(identifier)
        return found


def read_lines(parameters: Parameters, before: tuple[str, ...]) -> tuple[str, ...]:
    """The lines given, as a JSON list or separated by commas; without any, those before, or the default line."""
    text = parameters.text("Lines")
    if not text:
        return before or ("default",)
    try:
        found = json.loads(text) if text.startswith("[") else text.split(",")
    except ValueError:
        raise invalid_parameter("Lines", text, 'it is a JSON list of lines: ["default"]') from None
    return tuple(check_line(str(line).strip()) for line in found) or before or ("default",)
