"""Actions on log stores: their life, shards and indexes."""

from __future__ import annotations

import re
from typing import Any

from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.sls.errors import (
    index_exists,
    index_not_found,
    invalid,
    shard_not_found,
    store_exists,
    store_not_found,
)
from sandbox.cloud.sls.logs import FOR_EVER
from sandbox.cloud.sls.model import LogStore, Shard, first_shards
from sandbox.cloud.sls.projects import ProjectActions

NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,61}[a-z0-9_]")
SETTINGS = (
    "appendMeta autoSplit maxSplitShard enable_tracking telemetryType hot_ttl mode encrypt_conf infrequentAccessTTL "
    "productType processorId shardingPolicy"
)
"""Fields that are noted and shown back; of them nothing changes what the sandbox does."""
INDEX = "line keys ttl max_text_len log_reduce log_reduce_white_list log_reduce_black_list storage index_mode"
MOST_SHARDS = 256
KEY = re.compile("[0-9a-f]{32}")


class StoreActions(ProjectActions):
    """Log stores."""

    @action(
        "CreateLogStore",
        f"logstoreName ttl shardCount {SETTINGS}",
        method="POST",
        path="/logstores",
    )
    def create_log_store(self, call: Call) -> Answer:
        """Make a log store."""
        project, parameters, now = self.project_of(call), call.parameters, self.context.clock.now()
        name = parameters.text("logstoreName")
        if NAME.fullmatch(name) is None:
            raise invalid(
                f"logstoreName {name!r} must have 2 to 63 lower-case letters, digits, hyphens and underscores"
            )
        shards = first_shards(parameters.integer("shardCount", 2, 1, 100), now)
        store = LogStore(
            project=project.name,
            name=name,
            created=now,
            updated=now,
            ttl=parameters.integer("ttl", 30, 1, FOR_EVER),
            shards=shards,
            settings=self.settings_of(call),
        )
        with self.context.store.transaction():
            if self.found.stores.get(store.key) is not None:
                raise store_exists(name)
            self.found.stores.put(store.key, store, project.region)
        return None

    @action("GetLogStore", method="GET", path="/logstores/{logstore}")
    def get_log_store(self, call: Call) -> Answer:
        """One log store."""
        return describe_store(self.store_of(call))

    @action("ListLogStores", "offset size logstoreName telemetryType mode", method="GET", path="/logstores")
    def list_log_stores(self, call: Call) -> Answer:
        """The names of a project's log stores."""
        project, parameters = self.project_of(call), call.parameters
        offset, size = parameters.integer("offset", 0, 0), parameters.integer("size", 200, 0, 500)
        wanted, kind, mode = (parameters.text(name) for name in ("logstoreName", "telemetryType", "mode"))
        names = sorted(
            store.name
            for store in self.found.stores_of(project.name)
            if wanted in store.name
            and kind in ("", store.settings.get("telemetryType"))
            and mode in ("", store.settings.get("mode", "standard"))
        )
        chosen = names[offset : offset + size]
        return {"logstores": chosen, "count": len(chosen), "total": len(names)}

    @action(
        "UpdateLogStore",
        f"logstoreName ttl shardCount {SETTINGS}",
        method="PUT",
        path="/logstores/{logstore}",
    )
    def update_log_store(self, call: Call) -> Answer:
        """Change a log store; the number of its shards changes by splitting and merging only."""
        store, parameters = self.store_of(call), call.parameters
        named = parameters.text("logstoreName", store.name)
        if named != store.name:
            raise invalid(f"logstoreName {named!r} is not the store's name, {store.name!r}, which cannot be changed")
        parameters.text("shardCount")
        ttl = parameters.integer("ttl", store.ttl, 1, FOR_EVER)
        self.put_store(store, ttl=ttl, settings=store.settings | self.settings_of(call))
        return None

    @action("DeleteLogStore", method="DELETE", path="/logstores/{logstore}")
    def delete_log_store(self, call: Call) -> Answer:
        """Delete a log store with its logs."""
        store = self.store_of(call)
        with self.context.store.transaction():
            self.logs.forget(store)
            self.found.stores.delete(store.key)
        return None

    @action("GetLogStoreMeteringMode", method="GET", path="/logstores/{logstore}/meteringmode")
    def get_metering_mode(self, call: Call) -> Answer:
        """How a store would be paid for."""
        return {"meteringMode": self.store_of(call).metering_mode}

    @action("UpdateLogStoreMeteringMode", "meteringMode", method="PUT", path="/logstores/{logstore}/meteringmode")
    def update_metering_mode(self, call: Call) -> Answer:
        """Change how a store would be paid for."""
        mode = call.parameters.choice("meteringMode", "", ("ChargeByFunction", "ChargeByDataIngest"))
        self.put_store(self.store_of(call), metering_mode=mode)
        return None

    @action("ListShards", method="GET", path="/logstores/{logstore}/shards")
    def list_shards(self, call: Call) -> Answer:
        """A store's shards."""
        return [describe_shard(shard) for shard in self.store_of(call).shards]

    @action("SplitShard", "key shardCount", method="POST", path="/logstores/{logstore}/shards/{shard}?action=split")
    def split_shard(self, call: Call) -> Answer:
        """Replace a shard by two, which share its keys at `key` or in the middle."""
        store = self.store_of(call)
        shard = self.shard_of(call, store)
        begin, end = int(shard.begin, 16), int(shard.end, 16)
        key = call.parameters.text("key", f"{(begin + end) // 2:032x}").lower()
        if shard.read_only or KEY.fullmatch(key) is None or not shard.begin < key < shard.end:
            raise invalid(f"shard {shard.identifier} [{shard.begin}, {shard.end}) cannot be split at {key!r}")
        call.parameters.integer("shardCount", 2, 2, 2)
        return self.replace_shards(store, [shard], [(shard.begin, key), (key, shard.end)])

    @action("MergeShard", method="POST", path="/logstores/{logstore}/shards/{shard}?action=merge")
    def merge_shard(self, call: Call) -> Answer:
        """Replace a shard and the one behind it by one."""
        store = self.store_of(call)
        shard = self.shard_of(call, store)
        following = next((one for one in store.shards if one.begin == shard.end and not one.read_only), None)
        if shard.read_only or following is None:
            raise invalid(f"shard {shard.identifier} cannot be merged: it, or the one behind it, is not readwrite")
        return self.replace_shards(store, [shard, following], [(shard.begin, following.end)])

    @action("CreateIndex", INDEX, method="POST", path="/logstores/{logstore}/index")
    def create_index(self, call: Call) -> Answer:
        """Let a store be searched."""
        store = self.store_of(call)
        if store.index is not None:
            raise index_exists(store.name)
        self.put_store(store, index=index_of(call), index_updated=self.context.clock.now())
        return None

    @action("UpdateIndex", INDEX, method="PUT", path="/logstores/{logstore}/index")
    def update_index(self, call: Call) -> Answer:
        """Change what can be searched."""
        store = self.store_of(call)
        if store.index is None:
            raise index_not_found(store.name)
        self.put_store(store, index=index_of(call), index_updated=self.context.clock.now())
        return None

    @action("GetIndex", method="GET", path="/logstores/{logstore}/index")
    def get_index(self, call: Call) -> Answer:
        """What can be searched."""
        store = self.store_of(call)
        if store.index is None:
            raise index_not_found(store.name)
        moment = int((store.index_updated or store.updated).timestamp())
        return {"ttl": store.ttl, "index_mode": "v2", "storage": "pg", **store.index, "lastModifyTime": moment}

    @action("DeleteIndex", method="DELETE", path="/logstores/{logstore}/index")
    def delete_index(self, call: Call) -> Answer:
        """Let a store not be searched; its logs stay."""
        store = self.store_of(call)
        if store.index is None:
            raise index_not_found(store.name)
        self.put_store(store, index=None, index_updated=None)
        return None

    @action(
        "CreateSubStore",
        "name ttl sortedKeyCount timeIndex keys",
        method="POST",
        path="/logstores/{logstore}/substores",
    )
    def create_sub_store(self, call: Call) -> Answer:
        """Make the table of a metric store's samples, whose form is always the same."""
        store, parameters = self.store_of(call), call.parameters
        table = {name: parameters.raw(name) for name in ("name", "ttl", "sortedKeyCount", "timeIndex", "keys")}
        self.put_store(store, settings=store.settings | {"substore": table})
        return None

    @action("UpdateSubStoreTtl", "ttl", method="PUT", path="/logstores/{logstore}/substores/storage/ttl")
    def update_sub_store_ttl(self, call: Call) -> Answer:
        """Change how long a metric store keeps its samples: as long as the store its logs."""
        self.put_store(self.store_of(call), ttl=call.parameters.integer("ttl", 30, 1, FOR_EVER))
        return None

    def settings_of(self, call: Call) -> dict[str, Any]:
        """The fields that are shown back."""
        found = {name: call.parameters.raw(name) for name in SETTINGS.split()}
        return {name: value for name, value in found.items() if value is not None}

    def store_of(self, call: Call) -> LogStore:
        """The log store in the call's path."""
        project, name = self.project_of(call), call.parameters.text("logstore")
        store = self.found.stores.get(f"{project.name}/{name}")
        if store is None:
            raise store_not_found(name)
        return store

    def shard_of(self, call: Call, store: LogStore) -> Shard:
        """The shard in the call's path."""
        identifier = call.parameters.text("shard")
        for shard in store.shards:
            if str(shard.identifier) == identifier:
                return shard
        raise shard_not_found(identifier)

    def put_store(self, store: LogStore, **changes: Any) -> LogStore:
        """Keep a changed store."""
        changed = store.model_copy(update={**changes, "updated": self.context.clock.now()})
        project = self.found.projects.get(store.project)
        return self.found.stores.put(store.key, changed, project.region if project is not None else "")

    def replace_shards(self, store: LogStore, old: list[Shard], ranges: list[tuple[str, str]]) -> Answer:
        """Make shards read-only and others for their keys; answers all that changed."""
        if len(store.shards) + len(ranges) > MOST_SHARDS:
            raise invalid(f"a store has at most {MOST_SHARDS} shards, with those that were split or merged")
        now, first = self.context.clock.now(), len(store.shards)
        ended = [shard.model_copy(update={"read_only": True}) for shard in old]
        new = [
            Shard(identifier=first + number, begin=begin, end=end, created=now)
            for number, (begin, end) in enumerate(ranges)
        ]
        by_identifier = {shard.identifier: shard for shard in (*store.shards, *ended, *new)}
        self.put_store(store, shards=list(by_identifier.values()))
        return [describe_shard(shard) for shard in (*ended, *new)]


def index_of(call: Call) -> dict[str, Any]:
    """An index as it was asked for, of the right form."""
    found = {name: call.parameters.raw(name) for name in INDEX.split() if call.parameters.raw(name) is not None}
    line, keys = found.get("line"), found.get("keys")
    if line is None and not keys:
        raise invalid("an index needs line, keys or both")
    if line is not None and not isinstance(line, dict):
        raise invalid("line must be an object")
    if keys is not None and not (isinstance(keys, dict) and all(isinstance(key, dict) for key in keys.values())):
        raise invalid("keys must be an object of objects")
    for name, key in (keys or {}).items():
        if key.get("type") not in ("text", "long", "double", "json"):
            raise invalid(f"the type {key.get('type')!r} of key {name!r} is none of text, long, double, json")
    return found


def describe_store(store: LogStore) -> dict[str, Any]:
    """A log store as the service describes it."""
    defaults = {
        "appendMeta": False,
        "autoSplit": False,
        "enable_tracking": False,
        "maxSplitShard": 0,
        "telemetryType": "",
        "mode": "standard",
    }
    return {
        "logstoreName": store.name,
        "ttl": store.ttl,
        "shardCount": sum(1 for shard in store.shards if not shard.read_only),
        **defaults,
        **{name: value for name, value in store.settings.items() if name != "substore"},
        "createTime": int(store.created.timestamp()),
        "lastModifyTime": int(store.updated.timestamp()),
        "resourceQuota": {},
    }


def describe_shard(shard: Shard) -> dict[str, Any]:
    """A shard as the service describes it."""
    return {
        "shardID": shard.identifier,
        "status": "readonly" if shard.read_only else "readwrite",
        "inclusiveBeginKey": shard.begin,
        "exclusiveEndKey": shard.end,
        "createTime": int(shard.created.timestamp()),
    }
