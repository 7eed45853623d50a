"""The processes that the language host starts: started, followed, and ended with it."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from sandbox.errors import SandboxError

END_TIMEOUT_SECONDS = 3.0
"""Between asking a child to end and killing it; the engine gives the host itself 5 seconds."""

Process = subprocess.Popen[bytes]


class Children:
    """All children of this process that still run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Process] = set()

    def start(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str] | None,
        *,
        stdin: bytes | None = None,
        capture: bool = False,
    ) -> Process:
        """Start a program. Its output goes where this process's goes, unless it is captured.

        Raises SandboxError when it cannot be started.
        """
        try:
            process = subprocess.Popen(
                list(command),
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE if capture else None,
                stderr=subprocess.PIPE if capture else None,
            )
        except OSError as error:
            raise SandboxError(f"`{command[0]}` cannot be started: {error}") from error
        with self._lock:
            self._running.add(process)
        if process.stdin is not None and stdin is not None:
            _write(process.stdin, stdin)
        return process

    def wait(self, process: Process) -> int:
        """The exit status, negative for a signal, once the process has ended."""
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        return status

    def output(self, process: Process) -> Iterator[tuple[str, bytes]]:
        """Lines of a captured process with the name of their stream, as they come, until both streams end."""
        lines: queue.Queue[tuple[str, bytes | None]] = queue.Queue()
        streams = {"stdout": process.stdout, "stderr": process.stderr}
        for name, stream in streams.items():
            threading.Thread(target=_forward, args=(name, stream, lines), daemon=True).start()
        open_streams = len(streams)
        while open_streams:
            name, line = lines.get()
            if line is None:
                open_streams -= 1
            else:
                yield name, line

    def end(self, process: Process) -> None:
        """Ask a process to end, and kill it when it does not."""
        if process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def end_all(self) -> None:
        """End every child that still runs."""
        with self._lock:
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            self.end(process)


def _write(stream: IO[bytes], content: bytes) -> None:
    try:
        stream.write(content)
        stream.close()
    except BrokenPipeError:
        # The process ended before it read its request; its exit status tells.
        return


def _forward(name: str, stream: IO[bytes] | None, lines: queue.Queue[tuple[str, bytes | None]]) -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.put((name, line))
    lines.put((name, None))
