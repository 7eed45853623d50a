"""Alerts that are evaluated by the cloud's clock; what each evaluation found is a log of its project.

As on the real cloud, a log store `internal-alert-history` holds them, made when the first is written. Nobody is told:
the sandbox has no mail, no telephone and no webhooks. Alerts of a kind that it does not evaluate (several queries that
are joined, groups, stores of metrics, schedules by cron) get a log that says so, each time.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.store import Repository
from sandbox.cloud.sls.alert_conditions import Row, compile_condition
from sandbox.cloud.sls.analysis import analyse, split_query
from sandbox.cloud.sls.errors import index_not_found, invalid, store_not_found
from sandbox.cloud.sls.groups import make_group
from sandbox.cloud.sls.logs import Interval, Logs
from sandbox.cloud.sls.model import Document, LogStore, LogStores, first_shards
from sandbox.cloud.sls.query import Index, compile_query

HISTORY = "internal-alert-history"
HISTORY_DAYS = 7
FIELDS = (
    "AlertName",
    "AlertDisplayName",
    "Status",
    "Fired",
    "Severity",
    "FireCount",
    "Reason",
    "NotifyStatus",
    "Results",
)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"(\d{1,6})([smhdw])")
SHORTEST = datetime.timedelta(minutes=1)
LONGEST = datetime.timedelta(days=365)
DEFAULT_INTERVAL = datetime.timedelta(minutes=15)
MISSHAPEN = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What a configuration of another shape than the log service's leads to: it was kept as it came."""
MOST_ROWS = 100


class AlertState(BaseModel):
    """What an alert remembers from one evaluation to the next."""

    model_config = ConfigDict(frozen=True)

    project: str
    name: str
    due: datetime.datetime
    triggered: int = 0
    """How many evaluations in a row met its condition."""
    firing: bool = False

    @property
    def key(self) -> str:
        """Its identifier among all alerts."""
        return f"{self.project}/{self.name}"


@dataclass(frozen=True)
class Outcome:
    """What one evaluation found."""

    severity: int | None = None
    """None when no condition was met."""
    rows: tuple[Row, ...] = ()
    failure: str = ""


@dataclass
class AlertEvaluations:
    """Evaluates all alerts. Its work runs in the schedule's event loop."""

    context: Context
    found: LogStores
    logs: Logs
    states: Repository[AlertState] = field(init=False)

    def __post_init__(self) -> None:
        self.states = Repository(self.context.store, "alert-state", AlertState)

    def start(self) -> None:
        """Go on with every alert that there is; an evaluation that was missed is made now."""
        for document in self.found.documents.list():
            if document.kind == "job":
                self.plan(document)

    def plan(self, document: Document) -> None:
        """Have a new or changed alert evaluated, from now on at its own interval; no more, when it is off."""
        key = f"{document.project}/{document.name}"
        state = self.states.get(key)
        if not document.enabled:
            self.states.delete(key)
            return
        due = self.context.clock.now() + interval_of(document)
        if state is None or state.due > due:
            state = AlertState(project=document.project, name=document.name, due=due)
            self.states.put(key, state)
        self._wait(state)

    def firing(self) -> list[str]:
        """The alerts that fired when they were last evaluated, as project/name."""
        return sorted(state.key for state in self.states.list() if state.firing)

    def _wait(self, state: AlertState) -> None:
        self.context.schedule.at(state.due, partial(self._evaluate, state.key, state.due), f"alert {state.key}")

    def _evaluate(self, key: str, due: datetime.datetime) -> None:
        """One evaluation, unless the alert went, or is due at another time since."""
        state, document = self.states.get(key), self.found.documents.get(f"job/{key}")
        if document is None or not document.enabled:
            self.states.delete(key)
            return
        if state is None or state.due != due:
            return
        now, configuration, threshold = self.context.clock.now(), document.content["configuration"], 1
        try:
            threshold = _number(configuration, "threshold", 1)
            outcome = evaluate(configuration, self.rows_of(configuration, now))
            _check_schedule(document)
        except CloudError as error:
            outcome = Outcome(failure=str(error))
        except MISSHAPEN as error:
            outcome = Outcome(failure=f"the alert's configuration cannot be evaluated: {error!r}")
        triggered = state.triggered + 1 if outcome.severity is not None else 0
        fires = 0 < triggered >= threshold
        interval = interval_of(document)
        again = due + interval if due + interval > now else now + interval
        following = state.model_copy(update={"due": again, "triggered": triggered, "firing": fires})
        with self.context.store.transaction():
            self.states.put(key, following)
            self._write(document, outcome, triggered, now, fires=fires)
        self._wait(following)

    def rows_of(self, configuration: Mapping[str, Any], now: datetime.datetime) -> list[Row]:
        """What an alert's query finds now. Raises CloudError when it cannot be run."""
        queries = configuration.get("queryList") or []
        if len(queries) != 1:
            raise invalid(f"the sandbox evaluates alerts of one query, not of {len(queries)}")
        if (configuration.get("groupConfiguration") or {}).get("type", "no_group") != "no_group":
            raise invalid("the sandbox does not evaluate alerts that are grouped")
        query = queries[0]
        if query.get("storeType", "log") != "log":
            raise invalid(f"the sandbox evaluates queries of logs, not of {query['storeType']}")
        store = self.found.stores.get(f"{query.get('project')}/{query.get('store')}")
        if store is None:
            raise store_not_found(str(query.get("store")))
        if store.index is None:
            raise index_not_found(store.name)
        interval = Interval(moment(str(query.get("start", "-15m")), now), moment(str(query.get("end", "now")), now))
        search, statement = split_query(str(query.get("query") or "*"))
        logs = self.logs.search(store, interval, compile_query(search, Index.of(store.index)))
        if statement:
            return list(analyse(statement, logs, store.index).rows[:MOST_ROWS])
        return [one.fields for one in self.logs.page(logs, 0, MOST_ROWS, newest_first=True)]

    def _write(
        self, document: Document, outcome: Outcome, triggered: int, now: datetime.datetime, *, fires: bool
    ) -> None:
        if self.found.projects.get(document.project) is None:
            return
        values = (
            document.name,
            str(document.content.get("displayName") or document.name),
            "failed" if outcome.failure else "success",
            "true" if fires else "false",
            "" if outcome.severity is None else str(outcome.severity),
            str(triggered),
            outcome.failure,
            "NotNotified",
            json.dumps([dict(row) for row in outcome.rows], ensure_ascii=False),
        )
        entry = (int(now.timestamp()), dict(zip(FIELDS, values, strict=True)))
        self.logs.append(self._history(document.project, now), 0, make_group([entry], "", "log_service"))

    def _history(self, project: str, now: datetime.datetime) -> LogStore:
        present = self.found.stores.get(f"{project}/{HISTORY}")
        if present is not None:
            return present
        token = {"token": [",", " ", '"', ":", "{", "}", "[", "]"], "caseSensitive": False, "chn": False}
        keys = {name: {"type": "text", "doc_value": True, **token} for name in FIELDS}
        keys |= {name: {"type": "long", "doc_value": True} for name in ("Severity", "FireCount")}
        made = LogStore(
            project=project,
            name=HISTORY,
            created=now,
            updated=now,
            ttl=HISTORY_DAYS,
            shards=first_shards(1, now),
            settings={},
            index={"line": token, "keys": keys},
            index_updated=now,
        )
        return self.found.stores.put(made.key, made)


def evaluate(configuration: Mapping[str, Any], rows: list[Row]) -> Outcome:
    """Which severity's condition the rows meet, the highest first; or what is to be said of no row at all."""
    if not rows and configuration.get("noDataFire"):
        return Outcome(severity=_number(configuration, "noDataSeverity", 6))
    levels = configuration.get("severityConfigurations") or []
    for level in sorted(levels, key=lambda item: -int(item.get("severity") or 0)):
        asked = level.get("evalCondition") or {}
        condition = compile_condition(str(asked.get("condition") or ""))
        met = [row for row in rows if condition(row)]
        enough = compile_condition(str(asked.get("countCondition") or "__count__ > 0"))
        if enough({"__count__": str(len(met))}):
            return Outcome(severity=int(level.get("severity") or 0), rows=tuple(met))
    return Outcome()


def moment(text: str, now: datetime.datetime) -> int:
    """A time as queries of alerts name it (now, -5m, 0s), in seconds since 1970. Raises CloudError for other forms."""
    match = DURATION.fullmatch(text.removeprefix("-"))
    if text == "now":
        return int(now.timestamp())
    if match is None:
        raise invalid(f"the time {text!r} of an alert's query is not of the form -5m or now")
    return int(now.timestamp()) - int(match[1]) * UNITS[match[2]]


def interval_of(document: Document) -> datetime.timedelta:
    """How often an alert is evaluated: as its schedule says, between once a minute and once a year."""
    schedule = document.content.get("schedule") or {}
    match = DURATION.fullmatch(str(schedule.get("interval") or ""))
    if match is None:
        fixed = {"Hourly": "1h", "Daily": "1d", "Weekly": "1w"}.get(str(schedule.get("type")))
        match = DURATION.fullmatch(fixed) if fixed else None
    seconds = int(match[1]) * UNITS[match[2]] if match is not None else 0
    return min(LONGEST, max(SHORTEST, datetime.timedelta(seconds=seconds))) if seconds else DEFAULT_INTERVAL


def _check_schedule(document: Document) -> None:
    """Raises CloudError for a schedule that is not that of a fixed rate."""
    kind = str((document.content.get("schedule") or {}).get("type") or "FixedRate")
    if kind not in ("FixedRate", "Hourly", "Daily", "Weekly"):
        raise invalid(f"the sandbox evaluates alerts at a fixed rate, not by {kind}; this one every {DEFAULT_INTERVAL}")


def _number(values: Mapping[str, Any], name: str, default: int) -> int:
    try:
        return int(values.get(name) or default)
    except (TypeError, ValueError):
        raise invalid(f"{name} {values.get(name)!r} is not a whole number") from None
