"""Run a program to its end, with a time limit and an error that says what it said."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.region.errors import RegionError

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where daemons and tools find helpers such as runc and iptables; the caller's PATH may lack the sbin folders."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without the caller's proxies, credentials and locale."""
    home = "/root" if os.geteuid() == 0 else "/nonexistent"
    return {"PATH": SYSTEM_PATH, "HOME": home, "LC_ALL": "C", **(extra or {})}


def run(
    arguments: Sequence[str],
    *,
    timeout: float = 30,
    standard_input: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The program's standard output.

    Args:
        arguments: program and arguments.
        timeout: seconds.
        standard_input: what it reads.
        environment: added to the clean environment.

    Raises:
        RegionError: when it is missing, fails or does not end in time.
    """
    shown = " ".join(arguments)
    try:
        completed = subprocess.run(
            list(arguments),
            capture_output=True,
            text=True,
            input=standard_input if standard_input is not None else "",
            timeout=timeout,
            check=False,
            env=clean_environment(environment),
        )
    except FileNotFoundError as error:
        raise RegionError(
            f"{arguments[0]} is not installed; install the packages that `python -m sandbox doctor` names"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise RegionError(f"`{shown}` did not end within {timeout:g} s") from error
    if completed.returncode != 0:
        said = (completed.stderr.strip() or completed.stdout.strip() or "nothing")[-2000:]
        raise RegionError(f"`{shown}` failed with status {completed.returncode} and said: {said}")
    return completed.stdout


def remove_tree(path: Path) -> None:
    """Delete a directory with all that is in it; no error when it is not there.

    Raises:
        RegionError: when something in it cannot be deleted.
    """
    for attempt in range(5):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            if not path.exists():  # otherwise: something in it vanished while we walked
                return
        except OSError as error:
            if attempt == 4:
                raise RegionError(f"{error.filename} cannot be deleted: {error.strerror}") from error
        else:
            return


def succeeds(arguments: Sequence[str], *, timeout: float = 30, standard_input: str | None = None) -> bool:
    """Whether the program ends with status 0; for questions and for cleanup, where failure is an answer."""
    try:
        run(arguments, timeout=timeout, standard_input=standard_input)
    except RegionError:
        return False
    return True
