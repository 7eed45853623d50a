"""The composition root: a stack file says whether its stack is the platform or a business."""

from __future__ import annotations

from infra.business_program import deploy_business
from infra.platform_program import deploy_platform
from infra.settings import StackSettings


def deploy(settings: StackSettings) -> None:
    """Provision what the settings say and export what people and other stacks need."""
    if settings.business is None:
        deploy_platform(settings.platform)
    else:
        deploy_business(settings.platform, settings.business)
