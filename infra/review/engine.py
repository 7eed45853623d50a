"""Asks the real engine for previews, as a person would on the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.resume.errors import ResumeError
from infra.resume.work import lines, resume
from infra.review.errors import ReviewError
from infra.review.plan import Preview, preview_of
from infra.settings.loading import STACKS, stack_file

POLICY_PACK = "policies"
PREVIEW_TIMEOUT_SECONDS = 900.0
UPDATE_TIMEOUT_SECONDS = 1800.0
QUERY_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Engine:
    """Pulumi in a project's folder. `workers` previews run at once: each keeps a core busy."""

    root: Path
    workers: int = 2
    refresh: bool = False
    tell: Callable[[str], None] = lambda line: None

    def previews(self, stacks: Sequence[str]) -> list[Preview]:
        """A preview of each stack, in the order given. Raises ReviewError when there is no engine or no backend."""
        known = self.stacks()
        with ThreadPoolExecutor(max_workers=max(1, self.workers)) as pool:
            return list(pool.map(lambda stack: self._preview(stack, is_new=stack not in known), stacks))

    def stacks(self) -> list[str]:
        """The stacks that the backend knows. Raises ReviewError."""
        result = self.run(["stack", "ls", "--json"], QUERY_TIMEOUT_SECONDS)
        if result.returncode != 0:
            raise ReviewError(
                f"`pulumi stack ls` failed: {_last(result.stderr)}; log in to the backend of the stacks first"
            )
        return [str(row["name"]).rsplit("/", 1)[-1] for row in json.loads(result.stdout or "[]")]

    def _preview(self, stack: str, *, is_new: bool) -> Preview:
        self.tell(f"previewing {stack} ...")
        if not is_new:
            return self._events(stack, is_new=False)
        # The engine previews only stacks that its backend knows: an empty one is made, and removed again.
        file = stack_file(self.root / STACKS, stack)
        content = file.read_bytes() if file.exists() else None
        made = self.run(["stack", "init", stack, "--non-interactive"], QUERY_TIMEOUT_SECONDS)
        if made.returncode != 0:
            return Preview(
                stack, errors=(f"the stack could not be made for its preview: {_last(made.stderr)}",), is_new=True
            )
        try:
            return self._events(stack, is_new=True)
        finally:
            self.run(["stack", "rm", stack, "--yes", "--preserve-config", "--non-interactive"], QUERY_TIMEOUT_SECONDS)
            if content is not None:
                file.write_bytes(content)  # `stack init` may have added an encryption salt

    def _events(self, stack: str, *, is_new: bool) -> Preview:
        arguments = ["preview", "--stack", stack, "--json", "--non-interactive", "--policy-pack", POLICY_PACK]
        result = self.run(arguments + (["--refresh"] if self.refresh else []), PREVIEW_TIMEOUT_SECONDS)
        preview = preview_of(stack, result.stdout.splitlines(), is_new=is_new)
        if result.returncode != 0 and not preview.errors and not any(item.mandatory for item in preview.policies):
            reason = (
                _last(result.stderr) if result.stderr.strip() else f"exit status {result.returncode}, no reason given"
            )
            preview = Preview(stack, preview.steps, preview.policies, (reason,), is_new)
        return preview

    def up(self, stack: str) -> str:
        """Apply a stack, once what a killed update was making is its own; why it failed, empty when it did not."""
        self.tell(f"applying {stack} ...")
        if stack not in self.stacks():
            self.run(["stack", "init", stack, "--non-interactive"], QUERY_TIMEOUT_SECONDS)
        try:  # in the process's own folder, which is the project's wherever a review is made
            for line in lines(resume(stack, self.tell)):
                self.tell(line)
        except ResumeError as error:
            return f"the update that was killed before cannot be taken up: {error}"
        arguments = [
            "up",
            "--stack",
            stack,
            "--yes",
            "--skip-preview",
            "--non-interactive",
            "--policy-pack",
            POLICY_PACK,
        ]
        result = self.run(arguments, UPDATE_TIMEOUT_SECONDS)
        errors = [line.strip() for line in result.stdout.splitlines() if line.strip().startswith("error:")]
        return "" if result.returncode == 0 else (errors[0] if errors else _last(result.stderr))

    def run(self, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Run Pulumi to its end. Raises ReviewError when it is not there or takes too long."""
        program = shutil.which("pulumi")
        if program is None:
            raise ReviewError("no `pulumi` on PATH; install it, or prepare this shell as docs/review.md says")
        environment = {
            **os.environ, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true", "PULUMI_SKIP_UPDATE_CHECK": "true",
        }  # fmt: skip
        try:
            return subprocess.run(
                [program, *arguments], cwd=self.root, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ReviewError(
                f"`pulumi {' '.join(arguments[:3])}` took longer than {seconds:.0f} s and was ended; is the cloud up?"
            ) from None


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1].removeprefix("error: ")
