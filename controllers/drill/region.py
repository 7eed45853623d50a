"""A region's servers die: how long users of each line are led to it, by DNS, as resolvers keep it.

Users are resolvers with caches: each asks the zone's server for its line (by EDNS client subnet, RFC 7871), keeps the
answer for its TTL and not longer, and sends an HTTP request to it twice a second. Their caches are filled at times that
are spread over a TTL, so that the last of them is the worst case.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from controllers.drill.site import Users
from controllers.errors import DrillError

QUERY_SECONDS = 1.0
REQUEST_SECONDS = 1.0
LONGEST_SECONDS = 120.0
QUIET_SECONDS = 5.0
"""All users must have been answered for so long before it counts as over."""
STEP_SECONDS = 0.5
NOTE_PREFIX = "_traffic-"
"""Of the notes' names, before the region's; the traffic controller's own (`controllers.traffic.zone`)."""

Resolve = Callable[[str], tuple[list[str], float]]
"""Addresses and TTL for a user of a line, asked of the zone's server."""
Ask = Callable[[str], bool]


@dataclass
class User:
    """A resolver with one user behind it."""

    line: str
    addresses: list[str] = field(default_factory=list)
    kept_until: float = 0.0
    last_failure: float | None = None
    """When a request to the dead region failed last."""
    failures: int = 0
    failures_elsewhere: int = 0
    requests: int = 0

    def step(self, now: float, resolve: Resolve, ask: Ask, dead: str) -> None:
        """Look the name up if it is time to, then send a request."""
        if now >= self.kept_until:
            self.addresses, ttl = resolve(self.line)
            self.kept_until = now + ttl
        self.requests += 1
        if self.addresses and ask(self.addresses[0]):
            return
        if dead in self.addresses[:1]:
            self.failures += 1
            self.last_failure = now
        else:
            self.failures_elsewhere += 1


@dataclass(frozen=True)
class Outcome:
    """Seconds from the last moment at which every user was answered, which is up to half a second before it broke."""

    left_after: float
    """The zone's server named the dead region no more, for any line."""
    answered_after: float
    """The last request to the dead region failed, of any user; from then on all were led elsewhere."""
    failed: int
    failed_elsewhere: int
    requests: int


class Drill:
    """Breaks, watches, and measures. Time is an argument so that a test can make it by hand."""

    def __init__(
        self,
        lines: Sequence[str],
        users: int,
        resolve: Resolve,
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.lines = lines
        self._resolve, self._ask, self._clock, self._sleep = resolve, ask, clock, sleep
        self.users = [User(line) for line in lines for _ in range(users)]

    def prepare(self) -> None:
        """Fill the caches, spread over a TTL. Raises DrillError if users are not answered before anything is broken."""
        _, ttl = self._resolve(self.lines[0])
        for number, user in enumerate(self.users):
            now = self._clock()
            user.step(now, self._resolve, self._ask, "")
            user.kept_until = now + ttl * (number + 1) / len(self.users)
        bad = sorted({user.line for user in self.users if user.failures_elsewhere})
        if bad:
            raise DrillError(f"users of {', '.join(bad)} are not answered before anything was broken")

    def watch(self, dead: str, break_it: Callable[[], None]) -> Outcome:
        """From the breaking until all users are answered. Raises DrillError after `LONGEST_SECONDS`."""
        for user in self.users:
            user.failures = user.failures_elsewhere = user.requests = 0
            user.last_failure = None
        breaking = threading.Thread(target=break_it, name="break", daemon=True)
        started = self._clock()
        breaking.start()
        with ThreadPoolExecutor(len(self.users)) as pool:  # a dead region keeps a user waiting, and no other one
            return self._follow(dead, breaking, started, pool)

    def _follow(self, dead: str, breaking: threading.Thread, started: float, pool: Executor) -> Outcome:
        named_at = broken_at = started
        while True:
            now = self._clock()
            if any(dead in self._resolve(line)[0] for line in self.lines):
                named_at = self._clock()
            list(pool.map(lambda user: user.step(self._clock(), self._resolve, self._ask, dead), self.users))
            failed_at = max((user.last_failure for user in self.users if user.last_failure is not None), default=None)
            if failed_at is None:
                broken_at = now
            last = max(named_at, failed_at or started)
            if not breaking.is_alive() and failed_at is not None and now - last > QUIET_SECONDS:
                return Outcome(
                    max(0.0, named_at - broken_at),
                    failed_at - broken_at,
                    sum(user.failures for user in self.users),
                    sum(user.failures_elsewhere for user in self.users),
                    sum(user.requests for user in self.users),
                )
            if now - started > LONGEST_SECONDS:
                raise DrillError(
                    f"after {LONGEST_SECONDS:.0f} s users are still led to {dead}"
                    if failed_at is not None
                    else f"{dead} answers on: nothing was broken"
                )
            self._sleep(max(0.0, STEP_SECONDS - (self._clock() - now)))


def resolver(server: str, port: int, name: str, networks: dict[str, str]) -> Resolve:
    """Asks the zone's server over UDP, as a resolver in the line's network would."""
    import dnslib  # noqa: PLC0415 - on the machine that drills, not in the image

    def resolve(line: str) -> tuple[list[str], float]:
        question = dnslib.DNSRecord.question(name)
        if network := networks.get(line, ""):
            packed = b"\x00\x01\x20\x00" + socket.inet_aton(network)
            question.add_ar(dnslib.EDNS0(opts=[dnslib.EDNSOption(8, packed)]))
        try:
            answer = dnslib.DNSRecord.parse(question.send(server, port, timeout=QUERY_SECONDS))
        except (OSError, dnslib.DNSError) as error:
            raise DrillError(f"the DNS server {server} does not answer for {name}: {error}") from error
        found = [record for record in answer.rr if record.rtype == dnslib.QTYPE.A]
        return [str(record.rdata) for record in found], float(min((record.ttl for record in found), default=1))

    return resolve


def note(users: Users, region: str) -> str:
    """What a region's traffic controller says to the others, in the zone; empty if it says nothing."""
    import dnslib  # noqa: PLC0415 - as above

    question = dnslib.DNSRecord.question(f"{NOTE_PREFIX}{region}.{users.name}", "TXT")
    try:
        answer = dnslib.DNSRecord.parse(question.send(*users.place, timeout=QUERY_SECONDS))
    except (OSError, dnslib.DNSError):
        return ""
    return " ".join(str(record.rdata).strip('"') for record in answer.rr)


def asker(name: str, port: int, path: str) -> Ask:
    """Sends a user's request, on a connection of its own."""

    def ask(address: str) -> bool:
        connection = http.client.HTTPConnection(address, port, timeout=REQUEST_SECONDS)
        try:
            connection.request("GET", path, headers={"Host": name})
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask
