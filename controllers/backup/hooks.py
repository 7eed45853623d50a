"""Hooks: what a business has done before its backup reads anything, and after it has copied everything.

Those of `before` run one after another; a required one that fails keeps the backup from being made. Those of `after`
run once the copies are written (the proof needs no quiet), and also when the backup failed or was told to end. Should
the backup be killed outright, a mark in the backup bucket has the next one run them first: whatever was paused goes on.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controllers.buckets import Bucket
from controllers.config.backup import Hook, Hooks
from controllers.errors import ControllerError
from trainer.errors import TrainerError
from trainer.storage.object_store import put_json

LOG = logging.getLogger("controllers.backup")
MARK = "hooks.json"
"""In the backup bucket while hooks of `before` have run and those of `after` have not."""
BEFORE, AFTER = "before", "after"
SHOWN = 300
Run = Callable[[Hook, Mapping[str, Any]], None]


class HookError(ControllerError):
    """A hook failed, or took longer than it may."""


class EndedError(ControllerError):
    """Kubernetes told the backup to end: it took too long, or its node is being emptied."""


def run_hook(hook: Hook, told: Mapping[str, Any]) -> None:
    """Run one. `told` is what it is told, as a JSON body or in `BACKUP_...` variables. Raises HookError."""
    LOG.info("hook %s, %s", hook.name, told["when"])
    if hook.url:
        _call(hook, told)
    else:
        _command(hook, told)


def _call(hook: Hook, told: Mapping[str, Any]) -> None:
    body = json.dumps({"hook": hook.name, **told}).encode()
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
        hook.url, body, {"Content-Type": "application/json"}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=hook.timeout_seconds) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(SHOWN).decode(errors="replace")
        raise HookError(f"hook {hook.name}: {hook.url} answered {error.code}: {_line(text)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise HookError(f"hook {hook.name}: {hook.url}: {_line(str(error))}") from error


def _command(hook: Hook, told: Mapping[str, Any]) -> None:
    variables = {f"BACKUP_{key.upper()}": str(value) for key, value in told.items()}
    try:
        done = subprocess.run(
            hook.command,
            env={**os.environ, **variables},
            timeout=hook.timeout_seconds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HookError(f"hook {hook.name} took over {hook.timeout_seconds:g} s and was ended") from error
    except OSError as error:
        raise HookError(f"hook {hook.name}: {hook.command[0]}: {error.strerror}; is it in the image?") from error
    text = _line(done.stdout.decode(errors="replace"))
    if done.returncode:
        raise HookError(f"hook {hook.name} ended with {done.returncode}: {text}")
    if text:
        LOG.info("hook %s: %s", hook.name, text)


def _line(text: str) -> str:
    return " ".join(text.split())[-SHOWN:]


@dataclass
class Surrounded:
    """What the block tells the hooks after it, and they to whoever comes then."""

    backup: str = ""
    """The backup's id, once there is one."""
    problems: list[str] = field(default_factory=list)
    """Required hooks of `after` that failed, though the block did not."""

    def raise_for_problems(self) -> None:
        """Raises HookError where there were some."""
        if self.problems:
            raise HookError("; ".join(self.problems))


@contextlib.contextmanager
def around(hooks: Hooks, bucket: Bucket, told: Mapping[str, Any], run: Run = run_hook) -> Iterator[Surrounded]:
    """Run the hooks before and after a block. Raises HookError where a required one of `before` failed."""
    found = Surrounded()
    if not (hooks.before or hooks.after):
        yield found
        return
    if bucket.find(MARK) is not None:
        LOG.warning("the backup before was killed: the hooks that come after it run now")
        _run_all(hooks.after, {**told, "when": AFTER, "backup": "", "succeeded": False, "error": "killed"}, run)
    put_json(bucket, MARK, dict(told))
    problem = ""
    try:
        _run_in_turn(hooks.before, {**told, "when": BEFORE}, run)
        yield found
    except BaseException as error:
        problem = _line(str(error)) or type(error).__name__
        raise
    finally:
        ended = {"when": AFTER, "backup": found.backup, "succeeded": not problem, "error": problem}
        found.problems = _run_all(hooks.after, {**told, **ended}, run)
        with contextlib.suppress(TrainerError):  # then the next backup runs them once more
            bucket.delete(MARK)


def _run_in_turn(hooks: Sequence[Hook], told: Mapping[str, Any], run: Run) -> None:
    for hook in hooks:
        try:
            run(hook, told)
        except HookError as error:
            if hook.required:
                raise
            LOG.warning("%s; it is not required, so the backup goes on", error)


def _run_all(hooks: Sequence[Hook], told: Mapping[str, Any], run: Run) -> list[str]:
    """Every one, whatever the others do; the failures of those that are required."""
    failed = []
    for hook in hooks:
        try:
            run(hook, told)
        except HookError as error:
            LOG.warning("%s", error)
            failed += [str(error)] if hook.required else []
    return failed


@contextlib.contextmanager
def ending_by_error() -> Iterator[None]:
    """Within, SIGTERM raises EndedError in the main thread, so that what must be done at the end is done."""

    def end(number: int, frame: object) -> None:
        raise EndedError("told to end (SIGTERM): what was copied is kept, and the next backup goes on from it")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
