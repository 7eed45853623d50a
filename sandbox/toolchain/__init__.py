"""What must be obtained to run the sandbox: at which version, from where; built once, cached, resumed."""

from __future__ import annotations

from sandbox.toolchain.installation import (
    Obtained,
    binary,
    install_debian_packages,
    install_tools,
    missing_debian_packages,
    missing_tools,
)

__all__ = [
    "Obtained",
    "binary",
    "install_debian_packages",
    "install_tools",
    "missing_debian_packages",
    "missing_tools",
]
