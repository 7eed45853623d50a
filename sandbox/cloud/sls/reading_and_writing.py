"""Actions on logs: writing, searching, counting over time, and reading shards in order."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from sandbox.cloud.core.log_protocol import LogAnswer
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.wire import json_bytes
from sandbox.cloud.sls.analysis import analyse, split_query
from sandbox.cloud.sls.errors import body_invalid, index_not_found, invalid
from sandbox.cloud.sls.groups import LARGEST_GROUP, compress, decompress, group_list, parse_group, shown_groups
from sandbox.cloud.sls.logs import Interval, read_cursor, write_cursor
from sandbox.cloud.sls.model import LogStore, Shard
from sandbox.cloud.sls.query import Index, Predicate, compile_query
from sandbox.cloud.sls.stores import StoreActions

SEARCH = "from to query topic line offset reverse powerSql session forward highlight isAccurate accurate fromNs toNs"
MOST_LINES = 100
MOST_BARS = 60
BARS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds that a bar of a histogram may cover."""
COMPLETE = "Complete"


class DataActions(StoreActions):
    """Logs."""

    @action("PutLogs", "body", method="POST", path="/logstores/{logstore}/shards/lb")
    def put_logs(self, call: Call) -> Answer:
        """Write a group of logs to any shard."""
        store = self.store_of(call)
        writable = [shard for shard in store.shards if not shard.read_only]
        content = self.group_in(call)
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        self.logs.append(store, writable[digest[0] % len(writable)].identifier, content)
        return None

    @action("PutLogsByKey", "body key", method="POST", path="/logstores/{logstore}/shards/route")
    def put_logs_by_key(self, call: Call) -> Answer:
        """Write a group of logs to the shard that has a hash key."""
        store, key = self.store_of(call), call.parameters.required("key").lower()
        shard = next((shard for shard in store.shards if shard.takes(key)), store.shards[-1])
        self.logs.append(store, shard.identifier, self.group_in(call))
        return None

    @action("GetLogs", SEARCH, method="GET", path="/logstores/{logstore}?type=log")
    def get_logs(self, call: Call) -> Answer:
        """Search; the answer is the list of logs, and its headers tell of it."""
        chosen, more = self.search(call)
        headers = {
            "x-log-progress": COMPLETE,
            "x-log-count": str(len(chosen)),
            "x-log-processed-rows": str(more["processedRows"]),
            "x-log-has-sql": "true" if more["hasSQL"] else "false",
        }
        return LogAnswer(chosen, headers)

    @action("GetLogsV2", SEARCH, method="POST", path="/logstores/{logstore}/logs")
    def get_logs_v2(self, call: Call) -> Answer:
        """Search; the answer is an object of the logs and what is said of them."""
        chosen, meta = self.search(call)
        return {"meta": meta, "data": chosen}

    @action("GetHistograms", f"{SEARCH} interval", method="GET", path="/logstores/{logstore}/index?type=histogram")
    def get_histograms(self, call: Call) -> Answer:
        """How many logs a query finds, bar by bar over its time."""
        return self.histogram(call)

    @action("GetLogStoreHistogram", f"{SEARCH} interval", method="GET", path="/logstores/{logstore}?type=histogram")
    def get_log_store_histogram(self, call: Call) -> Answer:
        """The same as older clients ask for it."""
        return self.histogram(call)

    @action("GetCursor", "from", method="GET", path="/logstores/{logstore}/shards/{shard}?type=cursor")
    def get_cursor(self, call: Call) -> Answer:
        """Where in a shard to begin reading."""
        store, shard = self.shard(call)
        moment = call.parameters.text("from", "begin")
        return {"cursor": write_cursor(self.logs.cursor_at(store, shard.identifier, moment))}

    @action("GetCursorTime", "cursor", method="GET", path="/logstores/{logstore}/shards/{shard}?type=cursor_time")
    def get_cursor_time(self, call: Call) -> Answer:
        """When what a cursor points to was received."""
        store, shard = self.shard(call)
        position = read_cursor(call.parameters.text("cursor"))
        return {"cursor_time": self.logs.received_at(store, shard.identifier, position)}

    @action(
        "PullLogs",
        "cursor end_cursor count",
        method="GET",
        path="/logstores/{logstore}/shards/{shard}?type=log",
    )
    def pull_logs(self, call: Call) -> Answer:
        """Groups of a shard in the order they came."""
        store, shard = self.shard(call)
        parameters = call.parameters
        end = parameters.text("end_cursor")
        groups, following = self.logs.pull(
            store,
            shard.identifier,
            read_cursor(parameters.text("cursor")),
            read_cursor(end) if end else None,
            parameters.integer("count", 100, 1, 1000),
        )
        as_json = "json" in parameters.text("accept")
        plain = json_bytes(shown_groups(groups)) if as_json else group_list(groups)
        content, kind = compress(plain, parameters.text("accept-encoding"))
        headers = {
            "x-log-bodyrawsize": str(len(plain)),
            "x-log-cursor": write_cursor(following),
            "x-log-count": str(len(groups)),
        }
        if kind:
            headers["x-log-compresstype"] = kind
        return LogAnswer(content, headers, "application/json" if as_json else "application/x-protobuf")

    def shard(self, call: Call) -> tuple[LogStore, Shard]:
        """The store and the shard in the call's path."""
        store = self.store_of(call)
        return store, self.shard_of(call, store)

    def group_in(self, call: Call) -> bytes:
        """The group in the body, checked and without compression."""
        parameters = call.parameters
        body = parameters.raw("body")
        if not isinstance(body, bytes):
            raise body_invalid("the body must be a LogGroup in protocol buffers' form")
        size = parameters.integer("x-log-bodyrawsize", len(body), 0, LARGEST_GROUP)
        content = decompress(body, parameters.text("x-log-compresstype"), size)
        parse_group(content)
        return content

    def asked(self, call: Call) -> tuple[LogStore, Interval, Predicate, str]:
        """The store, the time and the condition of a search, and the statement behind it."""
        store, parameters = self.store_of(call), call.parameters
        if store.index is None:
            raise index_not_found(store.name)
        interval = Interval(parameters.integer("from", 0, 0, 2**32), parameters.integer("to", 0, 0, 2**32))
        if interval.end <= interval.begin:
            raise invalid(f"from ({interval.begin}) must be before to ({interval.end})")
        search, statement = split_query(parameters.text("query"))
        wanted = compile_query(search, Index.of(store.index))
        topic = parameters.text("topic")
        if topic:
            return store, interval, lambda entry: entry["__topic__"] == topic and wanted(entry), statement
        return store, interval, wanted, statement

    def search(self, call: Call) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """One page of logs, or the rows of a statement over them; and what is said of them."""
        parameters = call.parameters
        store, interval, wanted, statement = self.asked(call)
        offset, lines = parameters.integer("offset", 0, 0), parameters.integer("line", MOST_LINES, 0, MOST_LINES)
        newest_first = parameters.boolean("reverse")
        every = self.logs.search(store, interval, wanted)
        if statement:
            analysis = analyse(statement, every, store.index or {})
            chosen, keys, processed = analysis.rows, analysis.columns, analysis.looked_at
        else:
            chosen = [one.fields for one in self.logs.page(every, offset, lines, newest_first=newest_first)]
            keys, processed = sorted({name for fields in chosen for name in fields}), len(chosen)
        meta = {
            "progress": COMPLETE,
            "count": len(chosen),
            "processedRows": processed,
            "elapsedMillisecond": 0,
            "hasSQL": bool(statement),
            "whereQuery": split_query(parameters.text("query"))[0],
            "aggQuery": statement,
            "keys": keys,
            "isAccurate": True,
        }
        return chosen, meta

    def histogram(self, call: Call) -> Answer:
        """Counts over time: the smallest bars of which there are not too many."""
        store, interval, wanted, _ = self.asked(call)
        length = interval.end - interval.begin
        fitting = (seconds for seconds in BARS if length / seconds <= MOST_BARS)
        bar = call.parameters.integer("interval", 0, 0) or next(fitting, -(-length // MOST_BARS))
        counts = Counter(found.time // bar for found in self.logs.search(store, interval, wanted))
        bars = []
        for number in range(interval.begin // bar, -(-interval.end // bar)):
            begin, end = max(number * bar, interval.begin), min((number + 1) * bar, interval.end)
            bars.append({"from": begin, "to": end, "count": counts[number], "progress": COMPLETE})
        total = sum(counts.values())
        return LogAnswer(bars, {"x-log-progress": COMPLETE, "x-log-count": str(total)})
