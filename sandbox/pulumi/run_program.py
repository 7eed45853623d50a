"""Runs a Pulumi program; started by the language host in the project's own interpreter, by path.

The request comes as JSON on standard input: configuration may hold secrets, which arguments and variables would show.
Exit status: 0 when the program ended well, 32 when it failed and the reason was shown, 130 when it was interrupted.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FAILED_AND_SAID_WHY = 32
INTERRUPTED = 130
MISSING_PROGRAM = "no Pulumi program: {file} does not exist; write it there, or set `main` in Pulumi.yaml"
MISSING_SDK = (
    "the Pulumi SDK is not installed for {executable}; install the project's requirements there: "
    "{executable} -m pip install -r requirements.txt"
)


def main() -> int:
    """Run the program of the request on standard input; returns the exit status."""
    request: dict[str, Any] = json.load(sys.stdin)
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    try:
        import pulumi  # noqa: PLC0415 - its absence deserves a better message than a traceback
        import pulumi.runtime  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "pulumi":
            raise
        print(MISSING_SDK.format(executable=sys.executable), file=sys.stderr, flush=True)
        return FAILED_AND_SAID_WHY
    _configure(pulumi.runtime, request)
    os.chdir(request["directory"])
    sys.argv = [request["program"], *request["arguments"]]
    return _run(pulumi, request)


def _configure(runtime: Any, request: dict[str, Any]) -> None:
    runtime.set_all_config(request["configuration"], request["secret_keys"])
    runtime.configure(
        runtime.Settings(
            monitor=request["monitor"],
            engine=request["engine"],
            project=request["project"],
            stack=request["stack"],
            parallel=request["parallel"],
            dry_run=request["preview"],
            organization=request["organization"],
            root_directory=request["root_directory"],
        )
    )


def _run(pulumi: Any, request: dict[str, Any]) -> int:
    if not program_file(request["program"]).exists():
        pulumi.log.error(MISSING_PROGRAM.format(file=program_file(request["program"])))
        return FAILED_AND_SAID_WHY
    # Unobserved futures are normal when a program fails half-way; asyncio's words about them would hide the reason.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(request["parallel"], 1) * 4)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(
            pulumi.runtime.run_in_stack(lambda: _void(runpy.run_path(request["program"], run_name="__main__")))
        )
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        pulumi.log.error(explain(error, request["program"], known=pulumi.RunError))
        return FAILED_AND_SAID_WHY
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def program_file(program: str) -> Path:
    """The file that is run: the program itself, or `__main__.py` in it when it is a folder."""
    return Path(program) if Path(program).suffix else Path(program) / "__main__.py"


def _void(_: object) -> None:
    """`run_in_stack` would wait for a result that can be waited for."""


def explain(error: BaseException, program: str, known: type[BaseException]) -> str:
    """The text shown for a failed program.

    A `known` error, or one whose class says `__pulumi_run_error__ = True`, is a message to a person; any other is a
    mistake in the program and shown with its traceback, from the program's own file on.
    """
    if isinstance(error, known) or getattr(error, "__pulumi_run_error__", False):
        return str(error) or type(error).__name__
    target = program_file(program)
    frames = traceback.extract_tb(error.__traceback__)
    first = next((number for number, frame in enumerate(frames) if Path(frame.filename).absolute() == target), 0)
    if isinstance(error, SyntaxError) and not first:
        text = "".join(traceback.format_exception_only(error))
    else:
        text = "".join(traceback.format_exception(error, limit=first - len(frames) if frames else None))
    return f"Program failed with an unhandled exception:\n{text}"


def end(status: int) -> None:
    """End the process at once: Python's own tidying up takes 0.9 s with the classes of two large SDKs loaded."""
    if status != INTERRUPTED:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    end(main())
