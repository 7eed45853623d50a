"""The sandbox's command line: `python -m sandbox --help`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from sandbox.commands import clock, development, fault, images, logs, machine, nodes, snapshot, stacks
from sandbox.commands.common import PROGRAM, Exit, Formatter, Parser
from sandbox.errors import SandboxError, UsageError
from sandbox.settings import SandboxSettings

EPILOG = """
A first session:
  python -m sandbox doctor            what this machine lacks, and how to get it
  python -m sandbox deploy qa         everything, up to a trained model in the qa business's bucket
  eval "$(python -m sandbox env)"     point pulumi, kubectl and the SDKs at the sandbox
  pulumi preview --stack qa           as on the real cloud
  python -m sandbox down              stop; the next deploy goes on from there
Trying things out (each command's --help shows more):
  python -m sandbox clock advance 90d                 ninety days pass in seconds
  python -m sandbox fault region-out cn-shanghai      a region that nobody can reach
  python -m sandbox snapshot save NAME                keep the cloud's state, restore it later
  python -m sandbox logs cloud --errors               which calls failed, and why
  python -m sandbox up --rootless                     on a laptop: no root, no containers, simulated nodes
The same in a browser, live: the status page, whose address `up` and `status` print.

Results go to standard output (as JSON with --json), progress and errors to standard error, an error as one line.
Exit status: 0 done; 1 it failed, or is not as it should be; 2 the command line is wrong; 130 interrupted.
$SANDBOX_NAME and $SANDBOX_INDEX (0 to 15) choose one of several sandboxes on a machine.
"""


def parser() -> Parser:
    """The command line's grammar."""
    top = Parser(
        prog=PROGRAM,
        description="An Alibaba Cloud with real Kubernetes regions on this machine.",
        epilog=EPILOG,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for group in (stacks, machine, nodes, clock, fault, snapshot, images, logs, development):
        group.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status (`Exit`), after one line on standard error that says what is wrong, if any."""
    options = parser().parse_args(arguments)
    try:
        status = int(options.run(options, SandboxSettings.from_environment()))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return Exit.NO_READER
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return Exit.USAGE
    except (SandboxError, ValueError, OSError, subprocess.SubprocessError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return Exit.FAILED
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return Exit.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
