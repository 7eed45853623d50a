"""The settings of the stack that Pulumi is running."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi

from infra.settings.faults import SettingsError
from infra.settings.loading import KINDS, STACKS, StackSettings, load_stack


def load() -> StackSettings:
    """Read and check the running stack's settings; raises pulumi.RunError, which Pulumi prints without a traceback."""
    config = pulumi.Config()
    given = {kind: json.loads(text) for kind in KINDS if (text := config.get(kind)) is not None}
    folder = Path(pulumi.get_root_directory()) / STACKS
    try:
        return load_stack(folder, pulumi.get_stack(), given)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
