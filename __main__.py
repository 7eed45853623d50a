"""The Pulumi program: read the stack's settings, provision what they say."""

import gc

from infra.program import deploy
from infra.settings.stack import load

gc.disable()  # a preview took a tenth longer for walking the SDKs' classes, which stay until the program's end anyway
deploy(load())
