"""Which stacks a change touches."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from infra.review.errors import ReviewError
from infra.settings.loading import KINDS, STACKS, config_key

EVERYTHING = ("infra/", "policies/", "trainer/config.py", "controllers/config/", "__main__.py", "Pulumi.yaml",
              "requirements.txt")  # fmt: skip
"""A change below one of these may change what every stack provisions, or whether it may."""
NOTHING = ("infra/review/", "infra/prices.yaml", "policies/README.md")
"""... but not below these, which only describe."""
GIT_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Scope:
    """The stacks to preview, platforms first, and those whose file the change removes."""

    base: str
    head: str
    stacks: tuple[str, ...]
    removed: tuple[str, ...]


def platforms(folder: Path) -> dict[str, str | None]:
    """Every stack of the folder, and the platform that it stands on; None for a platform."""
    found: dict[str, str | None] = {}
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        found[_stack_of(path.name)] = _platform_in(path)
    return found


def _platform_in(path: Path) -> str | None:
    """Read leniently: a faulty file is the preview's to report."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        business = content["config"][config_key("business")]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None
    default = KINDS["business"].model_fields["platform"].default
    return str(business.get("platform", default)) if isinstance(business, Mapping) else None


def touched(paths: Iterable[str], stacks: Mapping[str, str | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The stacks that changed paths touch, platforms first, and the stacks whose files are gone."""
    own: set[str] = set()
    removed: set[str] = set()
    everything = False
    for path in paths:
        pure = PurePosixPath(path)
        if pure.parent.as_posix() == STACKS and pure.match("Pulumi.*.yaml"):
            stack = _stack_of(pure.name)
            (own if stack in stacks else removed).add(stack)
        elif path.startswith(EVERYTHING) and not path.startswith(NOTHING):
            everything = True
    found = {stack for stack, platform in stacks.items() if everything or stack in own or platform in own}
    return tuple(sorted(found, key=lambda stack: (stacks[stack] is not None, stack))), tuple(sorted(removed))


def scope_of(base: str, root: Path) -> Scope:
    """The scope of what was committed since the branch left `base`. Raises ReviewError."""
    if _git(root, "rev-parse", "--is-inside-work-tree", wrong=f"{root} is not in a git repository") != "true":
        raise ReviewError(f"{root} is not the work tree of a git repository; run it in a clone")
    unknown = f"git knows no commit `{base}`; give a branch, a tag or a commit, and fetch it before"
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}", wrong=unknown)
    dirty = _git(root, "status", "--porcelain")
    if dirty:
        files = sorted(line[3:] for line in dirty.splitlines())
        raise ReviewError(
            f"the work tree has changes that no commit holds ({', '.join(files[:3])}{', ...' if files[3:] else ''}); "
            "commit or stash them: a review is of commits"
        )
    apart = f"`{base}` and HEAD have no commit in common; give the branch that this one left"
    fork = _git(root, "merge-base", commit, "HEAD", wrong=apart)
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", fork, "HEAD").split("\0")
    stacks, removed = touched([path for path in changed if path], platforms(root / STACKS))
    return Scope(fork[:10], _git(root, "rev-parse", "HEAD")[:10], stacks, removed)


def _git(root: Path, *arguments: str, wrong: str = "") -> str:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise ReviewError("git is not installed; install it") from None
    except subprocess.TimeoutExpired:
        raise ReviewError(
            f"`git {arguments[0]}` took longer than {GIT_TIMEOUT_SECONDS:.0f} s; look at {root}"
        ) from None
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ReviewError(wrong or f"`git {' '.join(arguments)}` failed: {reason}")
    return result.stdout.strip("\n")


def _stack_of(name: str) -> str:
    return name.removeprefix("Pulumi.").removesuffix(".yaml")
