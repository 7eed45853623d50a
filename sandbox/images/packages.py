"""Where this machine gets Debian's packages, lent to a build while it runs and never left in an image."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.images.settings import SUITE

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TRUST_BUNDLES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))
LENT_SETTINGS = ("Acquire::http::", "Acquire::https::", "Acquire::Retries")
"""The machine's apt settings that decide whether a mirror can be reached."""


def host_sources(folder: Path = Path("/etc/apt")) -> list[tuple[str, list[str]]]:
    """This machine's (address, suites) pairs that carry our suite, in order. Raises SandboxError when there is none."""
    found: list[tuple[str, list[str]]] = []
    for file in sorted([folder / "sources.list", *(folder / "sources.list.d").glob("*")]):
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".sources":
            found += _from_stanzas(text)
        elif file.suffix == ".list":
            found += _from_lines(text)
    ours = [(address, [suite for suite in suites if _is_ours(suite)]) for address, suites in found]
    ours = [(address, suites) for address, suites in ours if suites]
    if not any(SUITE in suites for _, suites in ours):
        raise SandboxError(
            f"no package source of this machine ({folder}) carries Debian {SUITE}, of which the base image is made; "
            f"add one below {folder / 'sources.list.d'} and run the command again"
        )
    return ours


def mirror(sources: Iterable[tuple[str, list[str]]]) -> str:
    """The address to bootstrap the suite from."""
    return next(address for address, suites in sources if SUITE in suites)


def lend_apt_settings(folder: Path, sources: Iterable[tuple[str, list[str]]]) -> Path:
    """Fill `folder` with what stands in for a container's /etc/apt while packages are installed."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("apt.conf.d", "auth.conf.d", "keyrings", "preferences.d", "sources.list.d", "trusted.gpg.d"):
        (folder / name).mkdir(parents=True)
    stanzas = [
        f"Types: deb\nURIs: {address}\nSuites: {' '.join(suites)}\nComponents: main\nSigned-By: {KEYRING}\n"
        for address, suites in sources
    ]
    (folder / "sources.list.d" / "machine.sources").write_text("\n".join(stanzas), encoding="utf-8")
    settings = _machine_settings()
    bundle = next((path for path in TRUST_BUNDLES if path.is_file()), None)
    if bundle is not None:
        shutil.copyfile(bundle, folder / "machine-authorities.crt")
        settings.append('Acquire::https::CaInfo "/etc/apt/machine-authorities.crt";')
    (folder / "apt.conf.d" / "90machine").write_text("\n".join(settings) + "\n", encoding="utf-8")
    return folder


def _machine_settings() -> list[str]:
    """Proxies, time limits and the like, as apt itself understands this machine's configuration."""
    if shutil.which("apt-config") is None:
        return []
    shown = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, timeout=30, check=False)
    return [
        line
        for line in shown.stdout.splitlines()
        if line.startswith(LENT_SETTINGS) and "CaInfo" not in line and not line.endswith(' "";')
    ]


def _is_ours(suite: str) -> bool:
    return suite == SUITE or suite.startswith((f"{SUITE}-updates", f"{SUITE}-security"))


def _from_lines(text: str) -> list[tuple[str, list[str]]]:
    """`deb [options] address suite component...` lines."""
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words or words[0] != "deb":
            continue
        if len(words) > 1 and words[1].startswith("["):
            end = next((index for index, word in enumerate(words) if word.endswith("]")), len(words))
            words = [words[0], *words[end + 1 :]]
        if len(words) >= 4 and "main" in words[3:]:
            found.append((words[1], [words[2]]))
    return found


def _from_stanzas(text: str) -> list[tuple[str, list[str]]]:
    """Stanzas of `Key: value` lines, separated by empty lines."""
    found = []
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in stanza.splitlines():
            key, colon, value = line.partition(":")
            if colon and not line.startswith(("#", " ", "\t")):
                fields[key.strip().lower()] = value.strip()
        offered = "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no"
        if offered and "main" in fields.get("components", "").split():
            found += [(address, fields.get("suites", "").split()) for address in fields.get("uris", "").split()]
    return found
