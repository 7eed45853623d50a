"""The Pulumi program: read the stack's settings, provision what they say."""

from infra.program import deploy
from infra.settings.stack import load

deploy(load())
