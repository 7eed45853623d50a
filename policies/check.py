"""`python -m policies.check [STACK ...]`: judge the stacks' plans without a cloud and without Pulumi's engine.

Exit status: 0 no mandatory rule is violated, 1 one is, 2 a stack could not be judged.
"""

from __future__ import annotations

import argparse
import sys

from infra.command_line import end
from infra.settings import SettingsError
from policies import exceptions
from policies.catalogue import RULES
from policies.dry_run import plan_of
from policies.model import Level
from policies.owner import STACKS

VIOLATED, UNUSABLE = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.check", description=__doc__)
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="stacks to judge (default: all)")
    parser.add_argument("--advisory", action="store_true", help="show what advisory rules say, too")
    options = parser.parse_args(arguments)
    known = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in STACKS.glob("Pulumi.*.yaml"))
    unknown = [stack for stack in options.stacks if stack not in known]
    if unknown:
        print(
            f"error: there is no stack `{unknown[0]}`; the stack files are those of: {', '.join(known)}",
            file=sys.stderr,
        )
        return UNUSABLE
    try:
        return _judge(options.stacks or known, advisory=options.advisory)
    except (SettingsError, exceptions.ExceptionsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE


def _judge(stacks: list[str], *, advisory: bool) -> int:
    exemptions = exceptions.load()
    mandatory = advised = resources = 0
    for stack in stacks:
        plan = plan_of(stack)
        resources += len(plan.resources)
        for rule in RULES:
            for violation in exceptions.uncovered(rule.name, rule.violations_in(plan), exemptions):
                mandatory += rule.level is Level.MANDATORY
                advised += rule.level is Level.ADVISORY
                if rule.level is Level.MANDATORY or advisory:
                    name = violation.resource.name if violation.resource else stack
                    print(f"{stack}: {rule.level.value} {rule.name}: {name}: {violation.message}")
    print(
        f"{len(stacks)} stacks, {resources} resources, {len(RULES)} rules: "
        f"{mandatory} mandatory and {advised} advisory violations"
    )
    return VIOLATED if mandatory else 0


if __name__ == "__main__":
    end(main)
