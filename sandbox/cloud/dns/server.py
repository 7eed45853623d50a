"""The sockets of the DNS server: UDP with truncation, TCP with length prefixes, EDNS with client subnets."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from dataclasses import dataclass
from typing import cast

from dnslib import EDNS0, QTYPE, RCODE, RR, DNSError, DNSHeader, DNSRecord, EDNSOption

from sandbox.cloud.dns.lines import Address, Lines
from sandbox.cloud.dns.resolver import Resolver

CLIENT_SUBNET = 8
PLAIN_UDP_BYTES = 512
LARGEST_UDP_BYTES = 1232
"""Largest UDP answer, as agreed on the DNS flag day 2020: it fits every path without fragments."""

TCP_IDLE_SECONDS = 10.0


@dataclass(frozen=True)
class ClientSubnet:
    """Where the user of a resolver sits, as the resolver says (RFC 7871)."""

    family: int
    prefix: int
    address: Address

    @classmethod
    def parse(cls, data: bytes) -> ClientSubnet | None:
        """The option's content; None when it is malformed."""
        if len(data) < 4:
            return None
        family, prefix, _ = struct.unpack("!HBB", data[:4])
        size = {1: 4, 2: 16}.get(family)
        if size is None or prefix > size * 8 or len(data) - 4 != (prefix + 7) // 8:
            return None
        return cls(family, prefix, ipaddress.ip_address(data[4:].ljust(size, b"\0")))

    def answer(self) -> EDNSOption:
        """The option to answer with: valid for the whole prefix that was asked for."""
        content = self.address.packed[: (self.prefix + 7) // 8]
        return EDNSOption(CLIENT_SUBNET, struct.pack("!HBB", self.family, self.prefix, self.prefix) + content)


class DnsServer:
    """Answers queries on one address and port, UDP and TCP."""

    def __init__(self, resolver: Resolver, lines: Lines) -> None:
        self._resolver = resolver
        self._lines = lines
        self._transport: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self.port = 0

    async def start(self, address: str, port: int) -> None:
        """Bind; with port 0 both protocols get the same free port, found in `port` after."""
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve_connection, address, port)
        self.port = int(self._tcp.sockets[0].getsockname()[1])
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(address, self.port)
        )

    async def stop(self) -> None:
        """Close the sockets."""
        if self._transport is not None:
            self._transport.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    def answer(self, data: bytes, source: str, *, limit: int | None) -> bytes | None:
        """The response to a query; None for what deserves none. `limit` is the size that UDP allows without EDNS."""
        try:
            query = DNSRecord.parse(data)
        except (DNSError, ValueError, IndexError, struct.error):
            return _format_error(data)
        if query.header.qr:
            return None
        reply = DNSRecord(DNSHeader(id=query.header.id, qr=1, aa=1, ra=0, rd=query.header.rd), q=query.q)
        if query.header.opcode != 0:
            reply.header.rcode = RCODE.NOTIMP
            return bytes(reply.pack())
        if len(query.questions) != 1:
            reply.header.rcode = RCODE.FORMERR
            return bytes(reply.pack())
        options = next((record for record in query.ar if record.rtype == QTYPE.OPT), None)
        subnet = _client_subnet(options)
        line = self._lines.of(subnet.address if subnet is not None else ipaddress.ip_address(source))
        found = self._resolver.resolve(str(query.q.qname), QTYPE.get(query.q.qtype), line)
        reply.header.rcode, reply.header.aa = found.code, int(found.authoritative)
        reply.add_answer(*found.answers)
        reply.add_auth(*found.authority)
        if options is not None:
            reply.add_ar(EDNS0(udp_len=LARGEST_UDP_BYTES, opts=[subnet.answer()] if subnet is not None else []))
        packed = bytes(reply.pack())
        if limit is not None:
            allowed = min(max(options.edns_len, limit), LARGEST_UDP_BYTES) if options is not None else limit
            if len(packed) > allowed:
                shorter = DNSRecord(reply.header, q=query.q, ar=reply.ar)
                shorter.header.tc = 1
                packed = bytes(shorter.pack())
        return packed

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = str(writer.get_extra_info("peername")[0])
        try:
            while True:
                header = await asyncio.wait_for(reader.readexactly(2), TCP_IDLE_SECONDS)
                data = await asyncio.wait_for(reader.readexactly(struct.unpack("!H", header)[0]), TCP_IDLE_SECONDS)
                response = self.answer(data, source, limit=None)
                if response is None:
                    break
                writer.write(struct.pack("!H", len(response)) + response)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            pass  # the client is done, or too slow
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # in Python 3.11 it is that only by behaviour

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        response = self._server.answer(data, address[0], limit=PLAIN_UDP_BYTES)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, address)


def _client_subnet(options: RR | None) -> ClientSubnet | None:
    if options is None:
        return None
    for option in options.rdata:
        if option.code == CLIENT_SUBNET:
            return ClientSubnet.parse(bytes(option.data))
    return None


def _format_error(data: bytes) -> bytes | None:
    """A refusal that carries the query's number, when there is one; never to something that is a response."""
    if len(data) < 12 or data[2] & 0x80:
        return None
    return bytes(DNSRecord(DNSHeader(id=struct.unpack("!H", data[:2])[0], qr=1, rcode=RCODE.FORMERR)).pack())
