"""The command `incidents`: what broke, what was done, how long it took: a timeline (Markdown), a plot (SVG)."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from controllers.errors import ClusterError, ControllerError, SettingsError
from controllers.monitor.incidents import Incident, Memory, as_line
from trainer.errors import TrainerError
from trainer.storage.object_store import ObjectStore, open_store

ROW, LEFT, WIDTH = 22, 260, 900
COLOURS = {"recovered": "#2e7d32", "superseded": "#9e9e9e", "open": "#c62828"}
WAITING_COLOUR = "#ef6c00"
MAXIMUM_ROWS = 60


def show(options: argparse.Namespace) -> None:
    """Print the timeline; write the plot if asked to. Raises ControllerError."""
    if bool(options.store) == bool(options.namespace):
        raise SettingsError("give either --store (where the incidents lie) or --namespace (whose monitor to ask)")
    if options.store:
        try:
            store = open_store(options.store, options.region)
            found = from_store(store, f"{options.prefix}{options.job}/")
        except TrainerError as error:
            raise ControllerError(str(error)) from error
    else:
        found = asyncio.run(from_cluster(options.namespace, options.job))
    found.sort(key=lambda incident: incident.detected_at)
    if options.json:
        for incident in found:
            print(json.dumps(as_line(incident), ensure_ascii=False))
    else:
        print(timeline(found))
    if options.plot:
        Path(options.plot).write_text(plot(found), encoding="utf-8")


def from_store(store: ObjectStore, prefix: str) -> list[Incident]:
    """All incidents below a prefix. Raises ControllerError when one is damaged, naming it."""
    found = []
    for key in store.list(prefix):
        if key.endswith(".json"):
            try:
                found.append(Incident.model_validate_json(store.get(key)))
            except ValidationError as error:
                raise ControllerError(f"{store.address}{key} is no incident: {error.errors()[0]['msg']}") from error
    return found


async def from_cluster(namespace: str, job: str) -> list[Incident]:
    """What the monitor of a namespace remembers: the open incidents, and the last that are closed."""
    # The client only where it is needed: a bucket is read without it.
    from lightkube.resources.core_v1 import ConfigMap  # noqa: PLC0415

    from controllers.config.monitor import MONITOR_NAME  # noqa: PLC0415
    from controllers.monitor.kubernetes import FAILURES, Kubernetes, refusal  # noqa: PLC0415
    from controllers.monitor.store import KEY  # noqa: PLC0415

    client = Kubernetes(namespace)
    try:
        found = await client.get(ConfigMap, f"{MONITOR_NAME}-{job}")
    except FAILURES as error:
        raise refusal(error) from error
    finally:
        await client.close()
    text = (found.data or {}).get(KEY)
    if text is None:
        raise ClusterError(f"ConfigMap {MONITOR_NAME}-{job} in {namespace} holds no {KEY}")
    return Memory.from_json(text).incidents


def timeline(incidents: Sequence[Incident]) -> str:
    """A Markdown table, a line an incident, and what a person must look at."""
    if not incidents:
        return "No incident."
    lines = [
        "| detected (UTC) | fault | what | repaired by | replaced after | at work after | redone | outcome |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(incident) for incident in incidents]
    open_ones = [incident for incident in incidents if incident.alert and incident.is_open]
    if open_ones:
        lines += ["", "A person must look at:"]
        lines += [f"- {incident.fault} of {incident.target}: {incident.alert}" for incident in open_ones]
    return "\n".join(lines)


def _row(incident: Incident) -> str:
    at = datetime.datetime.fromtimestamp(incident.detected_at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    redone = [
        f"{count} {what}"
        for count, what in ((incident.tasks_redone, "tasks"), (incident.steps_redone, "steps"))
        if count
    ]
    did = f"{incident.owner}" + (f" ({len(incident.repairs)} repairs)" if incident.repairs else "")
    cells = [
        at,
        incident.fault,
        f"{incident.target}: {incident.message}",
        did,
        _after(incident, incident.replaced_at),
        _after(incident, incident.recovered_at),
        ", ".join(redone) or "-",
        incident.outcome + (f": {incident.note}" if incident.note else ""),
    ]
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _after(incident: Incident, at: float | None) -> str:
    return "-" if at is None else f"{at - incident.detected_at:.1f} s"


def plot(incidents: Sequence[Incident]) -> str:
    """An SVG: time to the right, a bar an incident, darker until what was lost ran again; the newest MAXIMUM_ROWS."""
    shown = list(incidents)[-MAXIMUM_ROWS:]
    if not shown:
        return _svg(40, [_text(10, 25, "no incident")])
    start = min(incident.detected_at for incident in shown)
    end = max([start + 1.0, *(_end(incident) for incident in shown)])
    scale = (WIDTH - LEFT - 70) / (end - start)
    parts: list[str] = []
    for number, incident in enumerate(shown):
        y = 30 + number * ROW
        begin = LEFT + (incident.detected_at - start) * scale
        width = max(2.0, (_end(incident) - incident.detected_at) * scale)
        parts.append(_text(10, y + 12, f"{incident.fault} {incident.target.rpartition('-')[2]}"))
        parts.append(_bar(begin, y, width, COLOURS[incident.outcome]))
        if incident.replaced_at is not None:
            parts.append(
                _bar(begin, y, max(1.0, (incident.replaced_at - incident.detected_at) * scale), WAITING_COLOUR)
            )
        parts.append(_text(begin + width + 4, y + 12, _after(incident, incident.recovered_at)))
    when = datetime.datetime.fromtimestamp(start, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    heading = f"from {when}, {end - start:.0f} s; orange: until replaced; green: until at work; red: open"
    return _svg(40 + len(shown) * ROW, [_text(10, 18, heading), *parts])


def _end(incident: Incident) -> float:
    last = [repair.at for repair in incident.repairs]
    return incident.recovered_at or max([incident.detected_at + 1.0, incident.replaced_at or 0.0, *last])


def _bar(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 8}" rx="2" fill="{colour}"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y}">{html.escape(text)}</text>'


def _svg(height: int, parts: Iterable[str]) -> str:
    style = "<style>text{font:12px sans-serif;fill:#333}</style>"
    body = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return f'{head}\n{style}\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
