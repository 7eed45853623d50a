"""Hundreds of bad stack files, and what the program says to them: `python -m benchmarks.bad_stack_files`.

Each is a committed stack file made wrong in one way (benchmarks/stack_file_mutations.py). It must be refused while it
is read, which is before the first resource, with file, line, column and the key, and without a traceback. As many
files are changed and stay right: none of them may be refused. The same seed makes the same files.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import yaml

from benchmarks.stack_file_mutations import KeyPath, Mutation, Schema, bad, good
from infra.settings import Fault, SettingsError, load_stack
from infra.settings.loading import STACKS, stack_file

ROOT = Path(__file__).resolve().parents[1]
PLACE = re.compile(r"\S+/Pulumi\.[\w.-]+\.yaml:\d+:\d+: \S")
SHOWN_FAILURES = 20
COMMAND_EVERY = 50
"""Every so many files the command line is asked as well: a process takes half a second."""


@dataclass
class Campaign:
    """What was tried, and what went wrong."""

    tried: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def run(count: int, seed: int, folder: Path, root: Path = ROOT) -> Campaign:
    """Try `count` bad files and as many good ones, in a copy of the stack files."""
    schema = Schema(json.loads((root / STACKS / "schema.json").read_text(encoding="utf-8")))
    originals = {path.name.split(".")[1]: path.read_text("utf-8") for path in (root / STACKS).glob("Pulumi.*.yaml")}
    stacks = folder / STACKS
    stacks.mkdir()
    for stack, text in originals.items():
        stack_file(stacks, stack).write_text(text, encoding="utf-8")
    campaign = Campaign()
    for right in (False, True):
        generator = random.Random(seed)  # noqa: S311 - the same files for the same seed
        makers = {
            stack: (good if right else bad)(schema, yaml.safe_load(text), generator)
            for stack, text in sorted(originals.items())
        }
        for number in range(count):
            stack = generator.choice(list(makers))
            mutation = next(islice(makers[stack], 1))
            path = stack_file(stacks, stack)
            path.write_text(yaml.safe_dump(mutation.values, allow_unicode=True, sort_keys=False), encoding="utf-8")
            name = f"{'right' if right else 'wrong'}: {mutation.kind}"
            campaign.tried[name] += 1
            reasons = list(_wrong_with(stacks, stack, mutation, right))
            if number % COMMAND_EVERY == 0:
                reasons += _wrong_with_command(root, stacks, right)
            campaign.failures += [f"{name} {number} ({stack}, {mutation.note}): {reason}" for reason in reasons]
            path.write_text(originals[stack], encoding="utf-8")
    return campaign


def _wrong_with(stacks: Path, stack: str, mutation: Mutation, right: bool) -> list[str]:
    """What should not be, when the program reads the file."""
    try:
        load_stack(stacks, stack)
    except SettingsError as error:
        return [f"refused: {error.faults[0]}"] if right else _wrong_with_faults(error.faults, mutation)
    except Exception as error:  # whatever it is, it would be a traceback
        return [f"a traceback: {type(error).__name__}: {error}"]
    return [] if right else ["not refused"]


def _wrong_with_faults(faults: Sequence[Fault], mutation: Mutation) -> list[str]:
    found = [f"no place in: {fault}" for fault in faults if not PLACE.match(str(fault))]
    found += [f"no way out in: {fault}" for fault in faults if not fault.problem.way_out]
    wanted = [path[2:] for path in (mutation.path, mutation.meant) if path]  # without `config` and our own key
    if wanted and not any(_meets(fault.problem.path, path) for fault in faults for path in wanted):
        found.append(f"the key {mutation.path} is not named, but {[fault.problem.path for fault in faults]}")
    return found


def _meets(found: KeyPath, wanted: KeyPath) -> bool:
    """Whether a fault is about a key: the key itself, what holds it, or what is in it."""
    return all(one == other for one, other in zip(found, wanted, strict=False)) or found[-1:] == wanted[-1:]


def _wrong_with_command(root: Path, stacks: Path, right: bool) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "infra.settings", "check", str(stacks)],
        cwd=root, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    text = ran.stdout + ran.stderr
    found = ["the command ended with a traceback"] if "Traceback" in text else []
    if ran.returncode != (0 if right else 1):
        found.append(f"the command's exit status is {ran.returncode}: {text[:300]}")
    return found


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bad_stack_files", description=__doc__)
    parser.add_argument(
        "--count", type=int, default=500, help="how many bad files, and good ones (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="which files (default: %(default)s)")
    found = parser.parse_args(arguments)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        campaign = run(found.count, found.seed, Path(folder))
    for name, number in sorted(campaign.tried.items()):
        print(f"{name:<24}{number:>6}")
    for failure in campaign.failures[:SHOWN_FAILURES]:
        print(failure)
    total = sum(campaign.tried.values())
    print(f"{total} files in {time.monotonic() - begun:.1f} s, {len(campaign.failures)} failures (seed {found.seed})")
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
