"""Provider plugins that a killed engine left behind. They go on with what they were told, for up to five minutes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil

PLUGIN = "pulumi-resource-"
BACKEND = "PULUMI_BACKEND_URL"
"""Told apart by: a plugin of another backend's engine is not ours to end."""
END_SECONDS = 10.0
CONNECT_SECONDS = 1.0


def end_leftovers() -> list[int]:
    """Kill the plugins on this machine whose engine is gone, so that nothing more is made; returns their process ids.

    They are not asked to end, which would take as long as what they are at: up to twenty minutes for a cluster. What
    they have begun by then is found by its name.
    """
    found = [process for process in psutil.process_iter() if _is_leftover(process)]
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(found, timeout=END_SECONDS)
    return [process.pid for process in found]


def _is_leftover(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
        if not command or not Path(command[0]).name.startswith(PLUGIN):
            return False
        return (
            process.environ().get(BACKEND) == os.environ.get(BACKEND)
            and process.uids().effective == os.geteuid()
            and not _listens(command[-1])
        )
    except psutil.Error:
        return False


def _listens(address: str) -> bool:
    """Whether anybody listens there: the engine gives each plugin its own address as the last argument."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return True  # not started by an engine
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS):
            return True
    except OSError:
        return False
