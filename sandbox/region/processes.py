"""Daemons that outlive who started them, and the death of everything that belongs to a region or node.

A pid file holds "<pid> <start time in clock ticks since boot>", written by the daemon's own shell before it becomes
the daemon, so that a pid that the kernel has given to another program is never taken for ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.region import control_groups
from sandbox.region.commands import clean_environment
from sandbox.region.errors import RegionError
from sandbox.region.layout import MARKER_VARIABLE, namespace_path

OwnerTest = Callable[[str], bool]
"""Whether a marker (a region's full name, or that and "/" and a node's name) is meant."""
BIRTH_SECONDS = 15.0
DEATH_SECONDS = 20.0
LAST_LINES = 8
LAST_LINE_LENGTH = 400
HINTS = {
    "too many open files": "raise the limit of watches: sysctl -w fs.inotify.max_user_instances=1024",
    "no space left on device": "free space on the disk of the sandbox's state",
    "address already in use": "another program holds that port; end it, or give this sandbox another $SANDBOX_INDEX",
}
"""What to do when a daemon's last lines hold a text. A region takes 14 watches, a node 8; many machines allow 128."""
INOTIFY = "anon_inode:inotify"
"""What /proc shows an inotify instance as."""
LOG_LIMIT_BYTES = 50 * 2**20

_BECOME = """
for group in $GROUPS_TO_JOIN; do echo $$ > "$group/cgroup.procs" || exit 70; done
start=$(cut -d ' ' -f 22 "/proc/$$/stat")
echo "$$ $start" > "$PID_FILE.new" && mv "$PID_FILE.new" "$PID_FILE" || exit 71
unset GROUPS_TO_JOIN PID_FILE
exec "$@"
"""
_LAUNCH = 'setsid sh -c "$BECOME" daemon "$@" </dev/null >>"$LOG_FILE" 2>&1 &'


@dataclass(frozen=True)
class Daemon:
    """A program to keep running."""

    name: str
    arguments: Sequence[str]
    owner: str
    """For the marker in its environment: the region's full name, for a node's daemon followed by "/" and its name."""
    runtime: Path
    """Directory of its pid file."""
    logs: Path
    control_group: str | None
    """None for a process of a sandbox without root, which has no group of its own."""
    entrance: Sequence[str] = ()
    """What goes in front of the arguments to enter namespaces."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def pid_file(self) -> Path:
        """Where its pid and start time are."""
        return self.runtime / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        """Its standard output and error."""
        return self.logs / f"{self.name}.log"

    def pid(self) -> int | None:
        """Its process id, when it runs."""
        return read_pid_file(self.pid_file)

    def started(self) -> datetime | None:
        """When it was started, when it runs."""
        pid = self.pid()
        ticks = None if pid is None else start_time(pid)
        if ticks is None:
            return None
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        return datetime.now(UTC) - timedelta(seconds=age)

    def is_running(self) -> bool:
        """Whether it runs."""
        return self.pid() is not None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.is_running():
            return
        for directory in (self.runtime, self.logs):
            directory.mkdir(parents=True, exist_ok=True)
        self.pid_file.unlink(missing_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.old"))
        groups = [] if self.control_group is None else control_groups.create(self.control_group)
        launcher = {
            "GROUPS_TO_JOIN": " ".join(map(str, groups)),
            "PID_FILE": str(self.pid_file),
            "LOG_FILE": str(self.log_file),
            "BECOME": _BECOME,
        }
        # The shell forks and ends at once, so the daemon belongs to init and outlives us.
        subprocess.run(
            ["sh", "-c", _LAUNCH, "launch", "env", "-u", "BECOME", "-u", "LOG_FILE", *self.entrance, *self.arguments],
            env=clean_environment({MARKER_VARIABLE: self.owner, **self.environment, **launcher}),
            check=True,
            timeout=30,
            cwd="/",
        )
        deadline = time.monotonic() + BIRTH_SECONDS
        while not self.pid_file.exists():
            if time.monotonic() > deadline:
                raise RegionError(f"{self.name} did not start; {self.last_words()}")
            time.sleep(0.01)

    def last_words(self) -> str:
        """Where its log is, what is to be done when that is known, and the log's end: for an error message."""
        if not self.log_file.exists():
            return f"it wrote no log to {self.log_file}"
        lines = self.log_file.read_text(errors="replace").splitlines()[-LAST_LINES:]
        tail = "\n".join(line[:LAST_LINE_LENGTH] for line in lines)
        hints = [hint for text, hint in HINTS.items() if text in tail]
        return "; ".join([*hints, f"its log {self.log_file} ends:\n{tail}"])


def read_pid_file(path: Path) -> int | None:
    """The pid in a pid file, when that very process still runs."""
    try:
        pid_text, start_text = path.read_text().split()
        pid, start = int(pid_text), int(start_text)
    except (OSError, ValueError):
        return None
    return pid if start_time(pid) == start else None


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone or only a zombie is left.

    A process whose first thread has ended counts as alive while other threads end: they still hold its ports.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, threads, start = after_name[0], int(after_name[17]), int(after_name[19])
    return None if state in "ZX" and threads <= 1 else start


def owned_processes(owners: OwnerTest) -> set[int]:
    """Processes whose environment has a marker that `owners` accepts (daemons, their children, containers' shims)."""
    marker = f"{MARKER_VARIABLE}=".encode()
    found = set()
    for pid in _all_pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        marked = any(
            owners(entry[len(marker) :].decode(errors="replace"))
            for entry in environment.split(b"\0")
            if entry.startswith(marker)
        )
        if marked:
            found.add(pid)
    return {pid for pid in found if pid != os.getpid() and start_time(pid) is not None}


def inotify_instances(leaving_out: Collection[int] = ()) -> int:
    """How many of this user's inotify instances are in use, but for those of some processes. The kernel limits them."""
    found = 0
    for pid in set(_all_pids()) - set(leaving_out):
        with contextlib.suppress(OSError):  # it has just gone, or is not ours to look at
            if Path(f"/proc/{pid}").stat().st_uid == os.geteuid():
                found += sum(map(_is_inotify, Path(f"/proc/{pid}/fd").iterdir()))
    return found


def _is_inotify(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()) == INOTIFY
    except OSError:  # it has just been closed
        return False


def namespace_processes(name: str) -> set[int]:
    """Processes whose network namespace is this one."""
    try:
        wanted = namespace_path(name).stat()
    except OSError:
        return set()
    found = set()
    for pid in _all_pids():
        try:
            status = Path(f"/proc/{pid}/ns/net").stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.add(pid)
    return {pid for pid in found if pid != os.getpid() and start_time(pid) is not None}


def kill_all(find: Callable[[], set[int]], what: str) -> None:
    """SIGKILL until nothing is found: what was being born during one round dies in the next.

    Raises:
        RegionError: when something survives.
    """
    deadline = time.monotonic() + DEATH_SECONDS
    while True:
        victims = find()
        if not victims:
            return
        if time.monotonic() > deadline:
            raise RegionError(f"processes {sorted(victims)} of {what} do not die; they wait for a device or a mount")
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
