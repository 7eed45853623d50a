"""How long users are led to a region that died: `python -m benchmarks.region_loss`.

Two regions' servers and traffic controllers are processes on this machine, with the controllers' own default timings;
zone and DNS server are the emulated cloud's, and users are resolvers that keep answers for their TTL of 10 s. A region
dies by being stopped (SIGSTOP): connections to it hang, as to a machine without power. The reference is the 35 s
that k8gb, which does the same for Kubernetes with DNS of its own, has published; it does not run here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from alibabacloud_alidns20150109 import models

from benchmarks.in_process_cloud import SimulatedCloud, serve_simulated_cloud
from controllers.config.traffic import TrafficRegionSettings, TrafficSettings
from controllers.drill.region import Drill, Outcome, asker, resolver
from controllers.traffic.zone import AlidnsZone

ADDRESSES = {"cn-hangzhou": "127.0.0.2", "cn-beijing": "127.0.0.3"}
LINES = {"default": ("cn-hangzhou", "cn-beijing"), "unicom": ("cn-beijing", "cn-hangzhou")}
ZONE, RECORD, TTL = "language.example.com", "qa", 10
PORT, CONTROLLER_PORTS = 18080, {"cn-hangzhou": 18081, "cn-beijing": 18082}
REFERENCE_SECONDS = 35.0
START_SECONDS = 60.0
SERVER = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Ready).serve_forever()
"""


def settings(region: str, endpoint: str) -> TrafficSettings:
    """As the infrastructure program writes them."""
    return TrafficSettings(
        business=RECORD,
        namespace=RECORD,
        region=region,
        zone=ZONE,
        record=RECORD,
        regions=tuple(TrafficRegionSettings(name=name, address=address) for name, address in ADDRESSES.items()),
        lines=LINES,
        probe_port=PORT,
        alidns_endpoint=f"http://{endpoint}",
        port=CONTROLLER_PORTS[region],
    )


def declare(zone: AlidnsZone) -> None:
    """Zone and records, as `pulumi up` does: what stands by is disabled."""
    zone._call("add_domain_with_options", models.AddDomainRequest(domain_name=ZONE))
    for line, order in LINES.items():
        for number, region in enumerate(order):
            request = models.AddDomainRecordRequest(
                domain_name=ZONE, rr=RECORD, type="A", value=ADDRESSES[region], line=line, ttl=TTL
            )
            identifier = zone._call("add_domain_record_with_options", request).record_id
            if number:
                status = models.SetDomainRecordStatusRequest(record_id=identifier, status="Disable")
                zone._call("set_domain_record_status_with_options", status)


@contextlib.contextmanager
def regions(folder: Path, endpoint: str) -> Iterator[dict[str, list[subprocess.Popen[bytes]]]]:
    """Each region's server and controller; a stopped one is ended too."""
    made: dict[str, list[subprocess.Popen[bytes]]] = {}
    try:
        for region, address in ADDRESSES.items():
            file = folder / f"{region}.json"
            file.write_text(settings(region, endpoint).model_dump_json(), encoding="utf-8")
            log = (folder / f"{region}.log").open("wb")
            controller = [sys.executable, "-m", "controllers", "traffic", "--settings", str(file)]
            made[region] = [
                subprocess.Popen([sys.executable, "-c", SERVER, address, str(PORT)]),
                subprocess.Popen(controller, stdout=log, stderr=log),
            ]
        for port in CONTROLLER_PORTS.values():
            _wait_until_ready(port)
        yield made
    finally:
        for process in (process for both in made.values() for process in both):
            process.kill()
            process.wait()


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"the controller on port {port} is not ready after {START_SECONDS:.0f} s: {error}"
                ) from error
            time.sleep(0.2)


def lose(cloud: SimulatedCloud, folder: Path, users: int) -> Outcome:
    """One region dies, once."""
    root = cloud.cloud.context.accounts.root
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = root.access_key_id
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = root.access_key_secret
    declare(AlidnsZone(settings("cn-hangzhou", cloud.endpoint)))
    with regions(folder, cloud.endpoint) as processes:
        name = f"{RECORD}.{ZONE}"
        resolve = resolver("127.0.0.1", cloud.cloud.dns.port, name, {"default": ""})
        drill = Drill(["default"], users, resolve, asker(name, PORT, "/readyz"))
        drill.prepare()
        time.sleep(3)  # the controllers have seen all well for a while

        def stop() -> None:
            for process in processes["cn-hangzhou"]:
                process.send_signal(signal.SIGSTOP)

        return drill.watch(ADDRESSES["cn-hangzhou"], stop)


def table(outcome: Outcome, dead: str, objective: float, met: bool) -> str:
    """Markdown."""
    heads = [
        "drill",
        "what",
        "DNS leads elsewhere",
        "all users elsewhere",
        "objective",
        "failed",
        "failed elsewhere",
        "",
    ]
    cells = [
        "region",
        f"the servers behind {dead} die",
        f"{outcome.left_after:.1f} s",
        f"{outcome.answered_after:.1f} s",
        f"{objective:.0f} s",
        f"{outcome.failed:,} of {outcome.requests:,}",
        f"{outcome.failed_elsewhere:,}",
        "met" if met else "missed",
    ]
    return "\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", "| " + " | ".join(cells) + " |"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each run and the ratio; 1 if ours is not quicker than the reference."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.region_loss", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often a region dies (3)")
    parser.add_argument("--users", type=int, default=20, help="resolvers whose users are counted (20)")
    options = parser.parse_args(arguments)
    worst = 0.0
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder, serve_simulated_cloud(Path(folder)) as cloud:
            outcome = lose(cloud, Path(folder), options.users)
        print(table(outcome, "cn-hangzhou", 20, outcome.answered_after <= 20), flush=True)
        worst = max(worst, outcome.answered_after)
    print(
        f"worst of {options.runs}: {worst:.1f} s; k8gb {REFERENCE_SECONDS:.0f} s; ratio {REFERENCE_SECONDS / worst:.1f}"
    )
    return 0 if worst < REFERENCE_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
