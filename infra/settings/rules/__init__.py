"""Rules across keys: each names the key to change, the limit that another key sets, and the way out. Pure."""

from infra.settings.rules.business import business_problems
from infra.settings.rules.platform import platform_problems

__all__ = ["business_problems", "platform_problems"]
