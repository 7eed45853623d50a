"""Which registry and repository a request is about.

Personal Edition has one registry a region (`registry.REGION.aliyuncs.com`, and `registry-vpc`, `registry-internal`
inside the cloud), Enterprise Edition one an instance (`NAME-registry.REGION.cr.aliyuncs.com`, `NAME-registry-vpc...`).
A node's containerd asks the cloud's bare address and says with `ns` which registry it means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.cloud.core.regions import DEFAULT_REGION
from sandbox.cloud.registry.errors import RegistryError

PERSONAL = re.compile(r"(?:registry|registry-vpc|registry-internal)\.(?P<region>[a-z0-9-]+)\.aliyuncs\.com")
ENTERPRISE = re.compile(r"(?P<instance>[a-z0-9-]+?)-registry(?:-vpc)?\.(?P<region>[a-z0-9-]+)\.cr\.aliyuncs\.com")
PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.+)")
NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST_NAME = 255
TOKEN_PATH = "/v2/token"  # noqa: S105 (a path)


@dataclass(frozen=True)
class Registry:
    """A registry: its region, and the name of its Enterprise Edition instance (empty for Personal Edition)."""

    region: str
    instance: str = ""

    @property
    def service(self) -> str:
        """What it calls itself when it asks for a token."""
        return f"registry.aliyuncs.com:{self.region}:{self.instance or 'personal'}"

    @classmethod
    def of_service(cls, text: str) -> Registry:
        """The registry that a request for a token names. Raises RegistryError when it names none."""
        parts = text.split(":")
        if len(parts) != 3 or parts[0] != "registry.aliyuncs.com":
            raise RegistryError("DENIED", f"the service {text!r} is no registry of this cloud")
        return cls(parts[1], "" if parts[2] == "personal" else parts[2])


def registry_of(host: str) -> Registry | None:
    """The registry of a host name; None when it is none's."""
    match = PERSONAL.fullmatch(host)
    if match is not None:
        return Registry(match["region"])
    match = ENTERPRISE.fullmatch(host)
    return Registry(match["region"], match["instance"]) if match is not None else None


def is_registry_call(host: str, path: str) -> bool:
    """Whether a request is the registry's: by its host, or by a path that no bucket can have."""
    return registry_of(host) is not None or path in ("/v2", "/v2/") or path.startswith("/v2/")


def find_registry(host: str, mirrored: str) -> Registry:
    """The registry that a request addresses. `mirrored` is the `ns` of a client that asks here in another's place.

    Raises:
        RegistryError: when it means a registry outside the cloud.
    """
    wanted = mirrored.split(":", maxsplit=1)[0] or host
    found = registry_of(wanted)
    if found is None and mirrored:
        raise RegistryError(
            "NAME_UNKNOWN",
            f"{mirrored} is not a registry of this cloud, and nothing outside can be reached; push the image to "
            f"registry-vpc.{DEFAULT_REGION}.aliyuncs.com/NAMESPACE/NAME and name it so",
        )
    return found or Registry(DEFAULT_REGION)


def check_name(name: str) -> str:
    """A repository's name, which is a namespace and a name below it. Raises RegistryError."""
    if len(name) > LONGEST_NAME or NAME.fullmatch(name) is None:
        raise RegistryError("NAME_INVALID", f"{name!r} is not NAMESPACE/NAME in lower case")
    return name


def check_digest(digest: str) -> str:
    """A digest of the one algorithm that is taken. Raises RegistryError."""
    if DIGEST.fullmatch(digest) is None:
        raise RegistryError("DIGEST_INVALID", f"{digest!r} is not sha256: and 64 hexadecimal digits")
    return digest
