"""`python -m policies.reference`: the page of all rules, made from the rules."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from infra.command_line import end
from infra.pages import add_output, write_page
from policies.catalogue import ALIBABA_CLOUD, HARDENING, HOUSE, NOT_JUDGED, RULES
from policies.exceptions import ExceptionsError, Exemption, load
from policies.model import Level, Rule

PAGE = Path("docs/policies.md")
INTRODUCTION = """# The policy pack

Made by `python -m policies.reference`; don't edit. The pack judges every planned resource of every stack:

```
pulumi preview --stack qa --policy-pack policies
```

A **mandatory** rule refuses the change; an **advisory** one lets it through and is shown in the [review](review.md).
There are {rules} rules, {mandatory} of them mandatory. What is not known before a change is made is not judged.

## When a rule is wrong
Write an exception into `policies/exceptions.yaml`: the rule's name, which objects it is about, and a reason that would
convince a reviewer. It is reviewed like any other change. The same file holds the exceptions of the linters
([review.md](review.md#linters)). A test fails when an exception covers nothing any more.

## To add a rule
A rule is one small function over a resource's type and inputs, in the module of its subject under `policies/`, with a
bad and a good example in `tests/unit/policies/`. It needs no other registration.
"""
SECTIONS: tuple[tuple[str, str, tuple[Rule, ...]], ...] = (
    (
        "Alibaba Cloud",
        "The rules that Checkov has for Alibaba Cloud, numbered as there; the same intent over Pulumi's inputs.",
        ALIBABA_CLOUD,
    ),
    (
        "Kubernetes hardening",
        "The controls of the NSA's and CISA's Kubernetes Hardening Guide 1.2, by section, numbered as in Kubescape's "
        "framework `NSA`.",
        HARDENING,
    ),
    (
        "This program's own",
        "Each business inside its fences, its data kept, what it may use within what is there.",
        HOUSE,
    ),
)


def page(exemptions: Iterable[Exemption]) -> str:
    """The whole page."""
    mandatory = sum(rule.level is Level.MANDATORY for rule in RULES)
    parts = [INTRODUCTION.format(rules=len(RULES), mandatory=mandatory)]
    for title, text, rules in SECTIONS:
        rows = ["| rule | source | level | what | why |", "|---|---|---|---|---|"]
        rows += [
            f"| `{rule.name}` | {rule.source} | {rule.level.value} | {rule.description} | {rule.reason} |"
            for rule in rules
        ]
        parts.append(f"\n## {title}\n{text}\n\n" + "\n".join(rows) + "\n")
    rows = [f"| {item.control} | {item.source} | {item.reason} |" for item in NOT_JUDGED]
    head = "| control | source | why not |\n|---|---|---|\n"
    parts.append("\n## What a plan does not show\n" + head + "\n".join(rows) + "\n")
    rows = [f"| {item.tool} | `{item.check}` | `{item.objects}` | {item.reason} |" for item in exemptions]
    head = "| tool | check | objects | reason |\n|---|---|---|---|\n"
    parts.append("\n## Exceptions in force\n" + (head + "\n".join(rows) if rows else "None.") + "\n")
    return "".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Write the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.reference", description=__doc__)
    add_output(parser, PAGE)
    options = parser.parse_args(arguments)
    return write_page(options.output, lambda: page(load()), (ExceptionsError,))


if __name__ == "__main__":
    end(main)
