"""A lease in object storage: of all who may do a thing, one does, in whatever region they are.

It is an object that only grows: a line of fixed length a change, the last one holds. OSS appends only at the object's
exact end, so of two who read the same end and write, one is refused: compare and swap, also in a versioned bucket,
where OSS ignores `x-oss-forbid-overwrite`.

- A holder is believed until its line has been the last for `seconds` by the clock of the one who looks: clocks need not
  agree. A holder stops acting after two thirds of that without a renewal.
- Each change of hands has a higher `term`: the fencing token. What a holder writes belongs under a prefix with its
  term, so that one who was paused and wakes up late writes where nobody looks any more. Who comes back under the same
  name goes on with its term: that there is one process of a name is somebody else's care.
- There is one bucket, in one region. While that is away nobody can acquire, and holders stop: safe before available.
  So it belongs into a region that none of the contenders is in, or into the one that stands by.

At a renewal every 20 s the object grows by 1 MB a day; OSS takes up to 5 GB.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

from trainer.errors import ChangedError, DataError, StoreError

LINE_BYTES = 256
HOLDER_BYTES = 100
SAFE_SHARE = 2 / 3
"""A holder stops acting after this share of the lease, so that its last request has ended before another may begin."""


class Log(Protocol):
    """What a lease needs of a bucket."""

    address: str

    def find(self, key: str) -> tuple[int, str] | None: ...
    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes: ...
    def append(self, key: str, position: int, data: bytes) -> None: ...


@dataclass(frozen=True)
class State:
    """A line: who holds the lease (empty: nobody), since which term; `mark` makes each line different."""

    holder: str
    term: int
    mark: str


class Lease:
    """One contender's view of a lease. Not for several threads at once."""

    def __init__(
        self, log: Log, key: str, holder: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not holder or len(holder.encode()) > HOLDER_BYTES:
            raise ValueError(f"a holder's name has 1 to {HOLDER_BYTES} bytes: {holder!r}")
        self._log = log
        self._key = key
        self._holder = holder
        self._seconds = seconds
        self._clock = clock
        self._seen: tuple[int, State] | None = None
        self._seen_at = 0.0
        self._own: State | None = None
        self._renewed_at = float("-inf")

    @property
    def held(self) -> bool:
        """Whether the holder may act now."""
        return self._own is not None and self._clock() - self._renewed_at < self._seconds * SAFE_SHARE

    @property
    def term(self) -> int:
        """The fencing token of what is held, or was last; 0 before the first time."""
        return self._own.term if self._own is not None else 0

    def acquire(self) -> bool:
        """Take or renew it. False: another holds it, or wrote first. Raises StoreError when the bucket is away."""
        started = self._clock()
        end, last = self._read()
        if self._seen != (end, last):
            # From when the answer came: a read that was tried again for long says what was so at its end.
            self._seen, self._seen_at = (end, last), self._clock()
        if last.holder == self._holder:
            return self._write(end, last.term, started)
        self._own = None
        if last.holder and self._clock() - self._seen_at < self._seconds:
            return False
        return self._write(end, last.term + 1, started)

    def release(self) -> None:
        """Give it up, so that another need not wait. Nothing happens if another has it by now."""
        own, self._own = self._own, None
        if own is None:
            return
        end, last = self._read()
        if (last.holder, last.term) == (self._holder, own.term):
            self._append(end, State("", own.term, uuid.uuid4().hex))

    def holder(self) -> str:
        """Who wrote the last line, whether or not it is still believed."""
        return self._read()[1].holder

    def _write(self, end: int, term: int, started: float) -> bool:
        state = State(self._holder, term, uuid.uuid4().hex)
        if not self._append(end, state):
            self._own = None
            return False
        self._own, self._renewed_at = state, started
        return True

    def _append(self, end: int, state: State) -> bool:
        line = json.dumps(asdict(state), ensure_ascii=False).encode()
        try:
            self._log.append(self._key, end, line + b" " * (LINE_BYTES - 1 - len(line)) + b"\n")
        except ChangedError:
            return self._read()[1] == state  # ours, if only the answer was lost
        return True

    def _read(self) -> tuple[int, State]:
        return last_line(self._log, self._key)


class Watch:
    """What a lease allows to somebody who works for its holder: `holds` becomes false before another may begin."""

    def __init__(
        self,
        log: Log,
        key: str,
        holder: str,
        term: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._key = key
        self._wanted = (holder, term)
        self._seconds = seconds
        self._clock = clock
        self._seen: tuple[int, State] | None = None
        self._renewed_at = clock()
        self._taken = False

    @property
    def holds(self) -> bool:
        """Whether the holder's work may go on, by what was seen last. Once false it stays so."""
        self._taken = self._taken or self._clock() - self._renewed_at >= self._seconds * SAFE_SHARE
        return not self._taken

    def look(self) -> bool:
        """Look at the lease, then as `holds`. A bucket that is away shows nothing new."""
        started = self._clock()
        try:
            found = last_line(self._log, self._key)
        except StoreError:
            return self.holds
        if (found[1].holder, found[1].term) != self._wanted:
            self._taken = True
        elif found != self._seen:
            self._seen, self._renewed_at = found, started
        return self.holds


def last_line(log: Log, key: str) -> tuple[int, State]:
    """Where a lease's object ends, and what its last line says. Raises StoreError, DataError."""
    found = log.find(key)
    end = found[0] if found else 0
    if not end:
        return 0, State("", 0, "")
    try:
        return end, State(**json.loads(log.get(key, max(0, end - LINE_BYTES), end)))
    except (ValueError, TypeError) as error:
        raise DataError(f"{log.address}{key} is no lease; look what wrote there, then delete it") from error
