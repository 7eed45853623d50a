"""Where drills happen, and what does that which Kubernetes and object storage can't: a YAML file.

A business's objectives are in its stack file (`drills`), so that a team sees what it was promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from controllers.config.base import Frozen
from controllers.config.drills import DrillObjectives
from controllers.errors import SettingsError

STACK_KEY = "language-model-clusters:business"
Model = TypeVar("Model", bound=BaseModel)


class Commands(Frozen):
    """Command lines; the name of what it is done to is put after those of pods and nodes."""

    kill: str = ""
    """Kills a pod's first process (-9)."""
    freeze: str = ""
    """Stops that process without ending it."""
    node_stop: str = ""
    """Cuts a node's power."""
    node_start: str = ""
    bucket_out: str = ""
    """Has object storage in the training's region answer nobody, until `bucket_back`."""
    bucket_back: str = ""
    cut: str = ""
    """Cuts the training's region off from object storage in the last region, where the lease is, until `heal`."""
    heal: str = ""
    up: str = ""
    """`pulumi up` of the business's stack, after somebody deleted what it made."""


class Region(Frozen):
    """A region of the business."""

    name: str
    kubeconfig: str
    entry: str
    """The address of its load balancer."""


class Users(Frozen):
    """Who resolves the business's name, and where they ask."""

    name: str
    """As `qa.language.example.com`."""
    server: str
    """ADDRESS[:PORT] of one of the zone's DNS servers."""
    lines: dict[str, str]
    """A network's address for each line."""

    @property
    def place(self) -> tuple[str, int]:
        """The server's address and port."""
        address, _, port = self.server.partition(":")
        return address, int(port or 53)


class Site(Frozen):
    """Everything that a drill needs to know of its surroundings."""

    namespace: str
    job: str = "language-model"
    workers: int = 2
    regions: tuple[Region, ...] = ()
    """The first one trains."""
    data: str = ""
    """The data bucket of the training's region, as oss://BUCKET."""
    backups: str = ""
    users: Users | None = None
    path: str = "/readyz"
    """What users ask the entries for."""
    neighbour: str = ""
    """Namespace of another business in the same cluster, for the noisy neighbour."""
    others: Mapping[str, str] = {}
    """URLs of other businesses' entries by name, asked all the while; with `Host` after a blank, where it matters."""
    commands: Commands = Commands()


def read_site(path: str) -> Site:
    """Raises SettingsError naming file, key and reason."""
    return _read(path, _load(path), Site)


def read_objectives(path: str) -> DrillObjectives:
    """What a business's stack file promises; the defaults where it says nothing. Raises SettingsError."""
    found = _load(path)
    for key in ("config", STACK_KEY):
        found = found.get(key) or {}
    return _read(path, found.get("drills") or {}, DrillObjectives)


def _load(path: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{path} holds no mapping")
    return found


def _read(path: str, value: dict[str, Any], kind: type[Model]) -> Model:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, entry['loc']))}: {entry['msg']} (given: {str(entry['input'])[:60]!r})"
            for entry in error.errors()
        )
        raise SettingsError(f"{path}: {reasons}") from error
