"""The committed stacks, as the tests of the program take them."""

from __future__ import annotations

from pathlib import Path

from infra.settings import StackSettings, load_stack

STACKS = Path(__file__).resolve().parents[3] / "stacks"
BUSINESSES = ("qa", "textgen", "chatbot", "summarization", "dialogue")
HANGZHOU, BEIJING = "cn-hangzhou", "cn-beijing"
OTHER = {HANGZHOU: BEIJING, BEIJING: HANGZHOU}


def settings(stack: str) -> StackSettings:
    """A committed stack's settings."""
    return load_stack(STACKS, stack)


def qa_but(**changes: object) -> StackSettings:
    """The stack of qa with some of its settings replaced."""
    stack = settings("qa")
    assert stack.business is not None
    return StackSettings(stack.platform, stack.business.model_copy(update=changes))


def custom(run: object) -> list:
    """A run's resources, without components and providers."""
    return [item for item in run.registrations if item.custom and not item.type.startswith("pulumi:providers:")]
