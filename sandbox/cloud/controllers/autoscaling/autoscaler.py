"""One cluster's autoscaler: reads what there is, decides, and lets the container service add and remove nodes.

What it must not forget over a restart of the emulator is written on the nodes, in the taints that cluster-autoscaler
uses: since when a node is not needed, and that it is being emptied. All times are the cloud's.
"""

from __future__ import annotations

import datetime
from concurrent.futures import Future
from dataclasses import dataclass, field

from sandbox.cloud.controllers.autoscaling.drain import Drain
from sandbox.cloud.controllers.autoscaling.growth import (
    PoolState,
    decide_growth,
    describe_growth,
    describe_refusal,
    fresh_room,
)
from sandbox.cloud.controllers.autoscaling.marks import CANDIDATE, LEAVING, marked_since, with_mark, without_mark
from sandbox.cloud.controllers.autoscaling.placement import Json, Machine, Room, claims_of, machine_of, near_volumes
from sandbox.cloud.controllers.autoscaling.pools import SurveyedPool, survey
from sandbox.cloud.controllers.autoscaling.shrinking import (
    Candidate,
    Shrinking,
    ShrinkRules,
    decide_shrinking,
    is_finished,
)
from sandbox.cloud.controllers.reports import ClusterApi, Reporter
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.cs.autoscaling import duration
from sandbox.cloud.cs.model import AutoscalingConfig, Clusters
from sandbox.cloud.cs.operations import Operations
from sandbox.region.simulation.node_object import SIMULATED_LABEL

NAME = "cluster-autoscaler"
PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
DAEMON_SETS = "/apis/apps/v1/daemonsets"
VOLUMES = "/api/v1/persistentvolumes"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
BACK_OFF = datetime.timedelta(minutes=5)
"""How long a pool whose growth failed is left alone."""
EMPTY_AT_ONCE = 10
"""How many nodes without pods may go in one scan; of those with pods, one."""


@dataclass
class Autoscaler:
    """Scales the pools of one cluster; called from one thread."""

    cluster_id: str
    context: Context
    clusters: Clusters
    operations: Operations
    _growing: dict[str, Future[None]] = field(default_factory=dict)
    _resting: dict[str, datetime.datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reporter = Reporter(self.context.clock, NAME)
        self.drain = Drain(self.operations, self.reporter, self.context.clock)

    def config(self) -> AutoscalingConfig:
        """How it is set now."""
        cluster = self.clusters.clusters.get(self.cluster_id)
        return (cluster.autoscaling if cluster is not None else None) or AutoscalingConfig()

    def scan_interval(self) -> datetime.timedelta:
        """How often it looks."""
        return duration(self.config().scan)

    def scan(self, api: ClusterApi) -> None:
        """Look once at everything, and act. No call is made for a cluster without pools that scale."""
        config = self.config()
        if not any(pool.scales for pool in self.clusters.pools_of(self.cluster_id)):
            return
        nodes = {node["metadata"]["name"]: node for node in _items(api, NODES)}
        pods = _items(api, PODS)
        daemon_sets = _items(api, DAEMON_SETS)
        pools = survey(self.clusters, self.operations.planner, self.cluster_id, daemon_sets)
        pending = [pod for pod in pods if is_unschedulable(pod)]
        if any(claims_of(pod) for pod in pending):
            volumes = _items(api, VOLUMES)
            pending = [dict(near_volumes(pod, volumes)) for pod in pending]
        if pending:
            self._grow(api, config, pools, nodes, pods, pending)
        self._shrink(api, config, pools, nodes, pods)

    def _grow(
        self,
        api: ClusterApi,
        config: AutoscalingConfig,
        pools: list[SurveyedPool],
        nodes: dict[str, Json],
        pods: list[Json],
        pending: list[Json],
    ) -> None:
        self._note_failures()
        rooms = {name: Room(machine_of(node)) for name, node in nodes.items()}
        for pod in pods:
            name = pod["spec"].get("nodeName")
            if name in rooms and not is_finished(pod):
                rooms[name].take(pod)
        coming = [fresh_room(pool.state) for pool in pools for _ in range(pool.upcoming)]
        states = [self._with_refusal(pool.state, config, nodes) for pool in pools if pool.scales]
        left = self.operations.planner.room(pools[0].region if pools else "")
        growth = decide_growth(pending, [*rooms.values(), *coming], states, config.expander, left)
        for pool_id, added in growth.added.items():
            try:
                step = self.operations.grow_pool(pool_id, added)
            except CloudError as error:
                self.context.log.event("warning", "a pool cannot grow", pool=pool_id, reason=str(error))
                continue
            if step is not None:
                self._growing[pool_id] = step
        named = {state.identifier: state for state in states}
        for pod in pending:
            identifier = pod["metadata"]["uid"]
            if identifier in growth.triggered:
                pool_id = growth.triggered[identifier]
                message = describe_growth(named[pool_id], growth.added[pool_id])
                self.reporter.say(api, "Pod", pod, "TriggeredScaleUp", message)
            elif identifier in growth.refused:
                self.reporter.say(api, "Pod", pod, "NotTriggerScaleUp", describe_refusal(growth.refused[identifier]))

    def _with_refusal(self, state: PoolState, config: AutoscalingConfig, nodes: dict[str, Json]) -> PoolState:
        groups = {state.identifier, state.group}
        state.priority = max(
            (int(priority) for priority, named in config.priorities.items() if groups & set(named)), default=0
        )
        until = self._resting.get(state.identifier)
        if until is not None and self.context.clock.now() < until:
            state.refusal = "in backoff after failed scale-up"
        elif not config.grows_from_zero and not any(is_ready(node) for node in nodes.values()):
            state.refusal = "scale_up_from_zero is off and no node is ready"
        return state

    def _note_failures(self) -> None:
        """A pool whose growth failed rests, so that another may be tried."""
        for pool_id, step in list(self._growing.items()):
            if step.done():
                del self._growing[pool_id]
                pool = self.clusters.pools.get(pool_id)
                if pool is not None and pool.reason:
                    self._resting[pool_id] = self.context.clock.now() + BACK_OFF

    def _shrink(
        self,
        api: ClusterApi,
        config: AutoscalingConfig,
        pools: list[SurveyedPool],
        nodes: dict[str, Json],
        pods: list[Json],
    ) -> None:
        owner = {name: pool for pool in pools for name in pool.ready_nodes}
        for name, node in nodes.items():
            if marked_since(node, LEAVING) is not None:
                pool = owner.get(name)
                self.drain.go_on(api, node, config, may_go=pool is not None and pool.scales and pool.spare > 0)
        leaving = {name for name, node in nodes.items() if marked_since(node, LEAVING) is not None}
        # Simulated nodes first: of two that are not needed, the real one is worth more.
        ordered = sorted(
            nodes.items(), key=lambda item: SIMULATED_LABEL not in (item[1]["metadata"].get("labels") or {})
        )
        candidates = [
            Candidate(node, machine_of(node), owner[name].state.identifier)
            for name, node in ordered
            if name in owner and owner[name].scales and name not in leaving
        ]
        spare = {
            pool.state.identifier: pool.spare - len(leaving & set(pool.ready_nodes)) for pool in pools if pool.scales
        }
        if config.shrinks:
            chosen = {candidate.machine.name for candidate in candidates}
            others = [machine_of(node) for name, node in nodes.items() if name not in chosen | leaving]
            shrinking = self._decide(api, config, candidates, others, pods, spare)
        else:
            shrinking = Shrinking()
        now = self.context.clock.now()
        due = []
        for candidate in candidates:
            name = candidate.machine.name
            if self._mark(api, candidate.node, shrinking, now) >= duration(config.unneeded):
                due.append((candidate.node, shrinking.unneeded[name]))
        if due and self._is_calm(config, pools, now):
            empty = [item for item in due if not item[1]][:EMPTY_AT_ONCE]
            occupied = [] if leaving else [item for item in due if item[1]][:1]
            for node, moving in empty or occupied:
                self.drain.begin(api, node, moving, config)

    def _decide(
        self,
        api: ClusterApi,
        config: AutoscalingConfig,
        candidates: list[Candidate],
        others: list[Machine],
        pods: list[Json],
        spare: dict[str, int],
    ) -> Shrinking:
        rules = ShrinkRules(
            float(config.threshold),
            float(config.gpu_threshold),
            config.keeps_system_pods,
            config.keeps_local_storage,
            config.fewest_replicas,
        )
        return decide_shrinking(candidates, others, pods, _items(api, BUDGETS), spare, rules)

    def _mark(self, api: ClusterApi, node: Json, shrinking: Shrinking, now: datetime.datetime) -> datetime.timedelta:
        """Write on a node since when it is not needed, or take that away; for how long it has not been (-1 s: is)."""
        name, since = node["metadata"]["name"], marked_since(node, CANDIDATE)
        if name in shrinking.unneeded:
            if since is None or since > now:
                api.merge(f"{NODES}/{name}", with_mark(node, CANDIDATE, now))
                return datetime.timedelta(0)
            return now - since
        if since is not None:
            api.merge(f"{NODES}/{name}", without_mark(node, CANDIDATE))
        return datetime.timedelta(seconds=-1)

    def _is_calm(self, config: AutoscalingConfig, pools: list[SurveyedPool], now: datetime.datetime) -> bool:
        """Whether no node came lately, nor is one on its way."""
        if any(pool.upcoming for pool in pools):
            return False
        newest = max((pool.newest for pool in pools if pool.newest is not None), default=None)
        return newest is None or now - newest >= duration(config.delay_after_growth)


def is_unschedulable(pod: Json) -> bool:
    """Whether the scheduler found no node for a pod, and pre-empts none for it."""
    status = pod.get("status") or {}
    if pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"] or status.get("nominatedNodeName"):
        return False
    return any(
        condition["type"] == "PodScheduled"
        and condition["status"] == "False"
        and condition.get("reason") == "Unschedulable"
        for condition in status.get("conditions") or []
    )


def is_ready(node: Json) -> bool:
    """Whether a node says that it is Ready."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _items(api: ClusterApi, path: str) -> list[Json]:
    return list((api.get(path) or {}).get("items") or [])
