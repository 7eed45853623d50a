"""Thousands of malformed requests, and what the cloud says to them: `python -m benchmarks.malformed_requests`.

A request is made from what a service declares (actions, parameters, paths, sub-resources), signed, and sent as it is,
or changed before or after it is signed, down to broken framing. The same seed makes the same requests but for
identifiers, times and signatures, which each cloud has of its own; `--first` takes up a campaign at the request that a
failure names.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.http_requests import (
    ANSWER_SECONDS,
    BROKEN_ANSWER_SECONDS,
    NO_ANSWER,
    Answer,
    RawRequest,
    exchange,
    with_body_changed,
    with_bytes_changed,
    with_headers_changed,
    with_target_changed,
)
from benchmarks.in_process_cloud import ADDRESS, SimulatedCloud, serve_simulated_cloud
from benchmarks.request_generation import RequestGenerator
from benchmarks.request_preparation import prepare

DOCUMENTED = {(501, "NotImplemented")}
"""Answers of 5xx that the cloud documents (OSS, error responses)."""

SHOWN_FAILURES = 20
ALIVE_EVERY = 250


@dataclass(frozen=True)
class Failure:
    """An answer that must not be."""

    number: int
    service: str
    action: str
    reason: str
    request: str

    def __str__(self) -> str:
        return f"request {self.number}: {self.service} {self.action}: {self.reason}\n    {self.request}"


@dataclass
class Campaign:
    """What came of it."""

    statuses: Counter[int] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def table(self) -> str:
        """Counts by status and by service, one a line."""
        rows = [
            f"{'no answer' if status == NO_ANSWER else status!s:<12} {count:>7}" for status, count in self._sorted()
        ]
        rows += [f"{service:<12} {count:>7}" for service, count in sorted(self.services.items())]
        return "\n".join(rows)

    def _sorted(self) -> list[tuple[int, int]]:
        return sorted(self.statuses.items())


class ErrorRecords(logging.Handler):
    """Keeps what the program logs with a traceback, or as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, and the error's last line."""
        raised = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.found.append(f"{record.name}: {record.getMessage()}{raised}")


def run(cloud: SimulatedCloud, count: int, seed: int, first: int = 0) -> Campaign:
    """Send requests number `first` to `count` - 1 of a seed; nothing is raised for what the cloud answers."""
    campaign, errors = Campaign(), ErrorRecords()
    logging.getLogger().addHandler(errors)
    try:
        requests = prepare(cloud)
        for number in range(first, count):
            generator = random.Random(f"{seed}/{number}")  # noqa: S311 (chooses test data)
            _send_one(cloud, requests, generator, number, campaign, errors)
            if (number + 1) % ALIVE_EVERY == 0 or number + 1 == count:
                _check_alive(cloud, requests, number, campaign)
    finally:
        logging.getLogger().removeHandler(errors)
    return campaign


def _send_one(
    cloud: SimulatedCloud,
    requests: RequestGenerator,
    generator: random.Random,
    number: int,
    campaign: Campaign,
    errors: ErrorRecords,
) -> None:
    made = requests.make(generator)
    content, framed = _changed(made.request, generator)
    place = cloud.log_path.stat().st_size
    answer = exchange((ADDRESS, cloud.port), content, ANSWER_SECONDS if framed else BROKEN_ANSWER_SECONDS)
    campaign.statuses[answer.status] += 1
    campaign.services[made.service] += 1
    reasons = [*_wrong_with(answer, framed), *errors.found, *_errors_logged(cloud.log_path, place)]
    errors.found.clear()
    shown = ascii(content[:300].decode("latin-1"))
    campaign.failures += [Failure(number, made.service, made.action, reason, shown) for reason in reasons]


def _changed(request: RawRequest, generator: random.Random) -> tuple[bytes, bool]:
    """The bytes to send (six in ten as signed), and whether they are still HTTP."""
    kind = generator.random()
    if kind < 0.6:
        return request.encoded(), True
    if kind < 0.75:
        return with_headers_changed(request, generator).encoded(), True
    if kind < 0.85:
        return with_body_changed(request, generator).encoded(), True
    if kind < 0.93:
        return with_target_changed(request, generator).encoded(), True
    return with_bytes_changed(request.encoded(), generator), False


def _wrong_with(answer: Answer, framed: bool) -> list[str]:
    if answer.status == NO_ANSWER:
        return ["no answer"] if framed else []
    text = answer.body.decode("utf-8", "replace")
    found = []
    if answer.status >= 500 and not any(answer.status == status and code in text for status, code in DOCUMENTED):
        found.append(f"status {answer.status}: {text[:200]}")
    if "SandboxFailure" in text:
        found.append(f"the emulator failed: {text[:300]}")
    if "Traceback (most recent call last)" in text:
        found.append("a traceback in the answer")
    return found


def _errors_logged(path: Path, place: int) -> list[str]:
    """What the cloud's own log says since `place` that has a traceback."""
    with path.open("rb") as stream:
        stream.seek(place)
        entries = [json.loads(line) for line in stream if b'"trace"' in line]
    return [f"logged: {entry['trace'].strip().splitlines()[-1]}" for entry in entries if "trace" in entry]


def _check_alive(cloud: SimulatedCloud, requests: RequestGenerator, number: int, campaign: Campaign) -> None:
    for service, request in requests.well_formed():
        answer = exchange((ADDRESS, cloud.port), request.encoded())
        if answer.status != 200:
            reason = f"a well-formed request is answered with {answer.status}: {answer.body[:200]!r}"
            campaign.failures.append(Failure(number, service, "still answering", reason, request.target))


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.malformed_requests", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="how many requests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which requests (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="leave out the requests before this number")
    found = parser.parse_args(arguments)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, serve_simulated_cloud(Path(folder)) as cloud:
        campaign = run(cloud, found.count, found.seed, found.first)
    print(campaign.table())
    for failure in campaign.failures[:SHOWN_FAILURES]:
        print(failure)
    sent = found.count - found.first
    print(f"{sent} requests in {time.monotonic() - begun:.1f} s, {len(campaign.failures)} failures (seed {found.seed})")
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
