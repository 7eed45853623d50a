"""Lines: from which part of the network a user asks, so that the nearest region can be answered."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from sandbox.cloud.alidns.model import DEFAULT_LINE

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Lines:
    """A table of networks, of which the narrowest that holds a user's address names the user's line."""

    def __init__(self, networks: Mapping[str, str] | None = None) -> None:
        """`networks` maps ranges in CIDR form to lines: {"10.1.0.0/16": "oversea"}. The rest has the default line."""
        parsed = [(ipaddress.ip_network(text, strict=False), line) for text, line in (networks or {}).items()]
        self._networks = sorted(parsed, key=lambda item: item[0].prefixlen, reverse=True)

    def of(self, address: Address) -> str:
        """The line of a user at this address."""
        for network, line in self._networks:
            if address.version == network.version and address in network:
                return line
        return DEFAULT_LINE

    @staticmethod
    def fallbacks(line: str) -> list[str]:
        """The lines whose records serve this line, best first: cn_telecom_zhejiang, cn_telecom, cn, default."""
        parts = line.split("_")
        chain = ["_".join(parts[:length]) for length in range(len(parts), 0, -1)]
        return [*chain, DEFAULT_LINE] if DEFAULT_LINE not in chain else chain
