"""The only reader of stack configuration. A business team edits its stack file and nothing else.

`python -m infra.settings check stacks/` reports every fault of every file; `schema` and `reference` regenerate the
JSON Schema for editors and the reference page.
"""

from infra.settings.business import Business, BusinessRegion
from infra.settings.faults import Fault, SettingsError
from infra.settings.loading import StackSettings, check_folder, load_stack
from infra.settings.platform import Platform, PlatformRegion

__all__ = [
    "Business",
    "BusinessRegion",
    "Fault",
    "Platform",
    "PlatformRegion",
    "SettingsError",
    "StackSettings",
    "check_folder",
    "load_stack",
]
