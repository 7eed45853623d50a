"""`python -m infra.resume --stack NAME`: after an engine was killed, so that the next `pulumi up` makes nothing twice.

Pulumi notes what it is about to make. This command looks for each such thing in the cloud and lets the stack know it.
Run it in the project's folder with the same environment as `pulumi up`; where nothing was interrupted it does nothing.
Exit status: 0 done, also when there was nothing to do; 1 it cannot go on, and one line says why and the way out.
"""

from __future__ import annotations

import argparse
import sys

from infra.command_line import end
from infra.resume.errors import ResumeError
from infra.resume.work import lines, resume


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.resume", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stack", required=True, metavar="NAME", help="the stack whose update was killed")
    options = parser.parse_args(arguments)
    try:
        outcomes = resume(options.stack, lambda line: print(line, file=sys.stderr))
    except ResumeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in lines(outcomes):
        print(line)
    return 0


if __name__ == "__main__":
    end(main)
