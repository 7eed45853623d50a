"""Starts a plugin, as the launcher scripts do: `launch.py language-host|kubernetes-provider [--version V] [ADDRESS]`.

V is the official plugin's version that this one stands in for; ADDRESS is the engine's.
Run by its path, so that it needs no PYTHONPATH, which the user's program would inherit.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PLUGINS = {
    "language-host": "sandbox.pulumi.language_host",
    "kubernetes-provider": "sandbox.pulumi.kubernetes.provider",
}
UNVERSIONED = "0.0.0"
"""Said when run by hand."""


def main(arguments: list[str]) -> None:
    """Run the plugin named first; does not return before the engine is done with it."""
    if not arguments or arguments[0] not in PLUGINS:
        sys.exit(f"usage: launch.py {'|'.join(PLUGINS)} [--version VERSION] [ENGINE_ADDRESS]")
    plugin, rest = arguments[0], arguments[1:]
    version = UNVERSIONED
    if rest[:1] == ["--version"]:
        version, rest = rest[1], rest[2:]
    here = Path(__file__).resolve().parent
    # Beside this file lie modules called `kubernetes` and `install`; only the repository's root may be searched.
    sys.path[:] = [str(here.parent.parent), *(entry for entry in sys.path if Path(entry or ".").resolve() != here)]
    skip_sdk()
    importlib.import_module(PLUGINS[plugin]).main(version, rest)


def skip_sdk() -> None:
    """Make `pulumi.runtime.proto` importable without running the SDK's own packages around it.

    A plugin needs the generated messages only; the SDK would add 0.2 s to the start of each plugin process.
    """
    specification = importlib.util.find_spec("pulumi")
    if specification is None or not specification.submodule_search_locations:
        sys.exit(f"the Pulumi SDK is not installed for {sys.executable}; run `make setup`")
    folder = Path(next(iter(specification.submodule_search_locations)))
    for name, path in (
        ("pulumi", folder),
        ("pulumi.runtime", folder / "runtime"),
        ("pulumi.runtime.proto", folder / "runtime" / "proto"),
    ):
        module = ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module


if __name__ == "__main__":
    main(sys.argv[1:])
