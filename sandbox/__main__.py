"""The sandbox's command line: `python -m sandbox --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sandbox.commands import clock, development, fault, logs, machine, snapshot, stacks
from sandbox.errors import SandboxError
from sandbox.settings import SandboxSettings

EPILOG = """
A first session:
  python -m sandbox deploy qa         everything, up to a trained model in the qa business's bucket
  eval "$(python -m sandbox env)"     point pulumi, kubectl and the SDKs at the sandbox
  pulumi preview --stack qa           as on the real cloud
  python -m sandbox down              stop; the next deploy goes on from there
Trying things out (each command's --help shows more):
  python -m sandbox clock advance 90d                 ninety days pass in seconds
  python -m sandbox fault region-out cn-shanghai      a region that nobody can reach
  python -m sandbox snapshot save NAME                keep the cloud's state, restore it later
  python -m sandbox logs cloud --errors               which calls failed, and why
$SANDBOX_NAME and $SANDBOX_INDEX (0 to 15) choose one of several sandboxes on a machine.
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="An Alibaba Cloud with real Kubernetes regions on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for group in (stacks, machine, clock, fault, snapshot, logs, development):
        group.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 well, 1 with one line that says what is wrong, 2 usage, 130 interrupted."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options, SandboxSettings.from_environment()))
    except (SandboxError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
