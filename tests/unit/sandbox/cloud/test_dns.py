"""Records are answered by a real DNS server as the rules of DNS and the records' lines say."""

from __future__ import annotations

import asyncio
import random
import struct
from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord, EDNSOption


@pytest.fixture
def zone(world: Any) -> Any:
    """The zone example.com, and a function that adds a record to it."""
    world.rpc("Alidns", "AddDomain", DomainName="example.com")

    def add(rr: str, kind: str, value: str, **more: str) -> str:
        made = world.rpc("Alidns", "AddDomainRecord", DomainName="example.com", RR=rr, Type=kind, Value=value, **more)
        return str(made["RecordId"])

    return add


def ask(world: Any, name: str, kind: str = "A", source: str = "192.0.2.1", subnet: str = "") -> DNSRecord:
    query = DNSRecord.question(name, kind)
    if subnet:
        packed = bytes(int(part) for part in subnet.split("."))[:3]
        query.add_ar(EDNS0(udp_len=4096, opts=[EDNSOption(8, struct.pack("!HBB", 1, 24, 0) + packed)]))
    response = world.cloud.dns.answer(bytes(query.pack()), source, limit=512)
    return DNSRecord.parse(response)


def values(record: DNSRecord) -> list[str]:
    return sorted(str(answer.rdata) for answer in record.rr)


def test_an_address_is_answered_with_its_ttl_and_authority(world: Any, zone: Any) -> None:
    zone("www", "A", "192.0.2.7", TTL="60")
    found = ask(world, "WWW.Example.com.")
    assert (values(found), found.rr[0].ttl, found.header.aa) == (["192.0.2.7"], 60, 1)


def test_a_missing_name_differs_from_a_missing_type(world: Any, zone: Any) -> None:
    zone("www", "A", "192.0.2.7")
    missing = ask(world, "other.example.com")
    assert (missing.header.rcode, QTYPE[missing.auth[0].rtype]) == (RCODE.NXDOMAIN, "SOA")
    typeless = ask(world, "www.example.com", "AAAA")
    assert (typeless.header.rcode, values(typeless), QTYPE[typeless.auth[0].rtype]) == (RCODE.NOERROR, [], "SOA")


def test_a_name_between_others_exists_without_records(world: Any, zone: Any) -> None:
    zone("a.b", "A", "192.0.2.7")
    assert ask(world, "b.example.com").header.rcode == RCODE.NOERROR


def test_names_outside_the_zones_are_refused(world: Any, zone: Any) -> None:
    assert ask(world, "example.org").header.rcode == RCODE.REFUSED


def test_a_wildcard_answers_for_names_that_do_not_exist_only(world: Any, zone: Any) -> None:
    zone("*", "A", "192.0.2.1")
    zone("www", "TXT", "hello")
    assert values(ask(world, "any.thing.example.com")) == ["192.0.2.1"]
    assert values(ask(world, "www.example.com", "A")) == []


def test_an_alias_is_followed_inside_its_zone(world: Any, zone: Any) -> None:
    zone("www", "CNAME", "web.example.com")
    zone("web", "A", "192.0.2.9")
    assert values(ask(world, "www.example.com")) == ["192.0.2.9", "web.example.com."]


def test_an_alias_loop_ends(world: Any, zone: Any) -> None:
    zone("a", "CNAME", "b.example.com")
    zone("b", "CNAME", "a.example.com")
    assert len(ask(world, "a.example.com").rr) <= 8


@pytest.mark.parametrize(
    ("kind", "value", "answer"),
    [
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("TXT", "v=spf1 -all", '"v=spf1 -all"'),
        ("MX", "mail.example.com", "1 mail.example.com."),
        ("SRV", "1 2 443 web.example.com", "1 2 443 web.example.com."),
        ("CAA", '0 issue "ca.example"', '0 issue "ca.example"'),
        ("NS", "ns.example.net", "ns.example.net."),
    ],
)
def test_each_type_is_answered(world: Any, zone: Any, kind: str, value: str, answer: str) -> None:
    zone("sub", kind, value)
    assert values(ask(world, "sub.example.com", kind)) == [answer]


def test_the_apex_names_its_servers(world: Any, zone: Any) -> None:
    assert values(ask(world, "example.com", "NS")) == ["ns1.alidns.com.", "ns2.alidns.com."]
    assert len(ask(world, "example.com", "SOA").rr) == 1


def test_a_disabled_record_is_silent_until_enabled(world: Any, zone: Any) -> None:
    record = zone("www", "A", "192.0.2.7")
    world.rpc("Alidns", "SetDomainRecordStatus", RecordId=record, Status="Disable")
    assert ask(world, "www.example.com").header.rcode == RCODE.NXDOMAIN
    world.rpc("Alidns", "SetDomainRecordStatus", RecordId=record, Status="Enable")
    assert values(ask(world, "www.example.com")) == ["192.0.2.7"]


def test_users_of_a_line_get_its_record_by_source_or_client_subnet(world: Any, zone: Any) -> None:
    zone("www", "A", "192.0.2.1")
    zone("www", "A", "192.0.2.2", Line="oversea")
    assert values(ask(world, "www.example.com")) == ["192.0.2.1"]
    assert values(ask(world, "www.example.com", source="10.9.1.1")) == ["192.0.2.2"]
    found = ask(world, "www.example.com", subnet="10.9.1.0")
    assert values(found) == ["192.0.2.2"]
    (option,) = found.ar[0].rdata
    assert option.data == struct.pack("!HBB", 1, 24, 24) + bytes([10, 9, 1])


def test_a_line_without_a_record_falls_back_to_the_default(world: Any, zone: Any) -> None:
    record = zone("www", "A", "192.0.2.2", Line="oversea")
    zone("www", "A", "192.0.2.1")
    world.rpc("Alidns", "SetDomainRecordStatus", RecordId=record, Status="Disable")
    assert values(ask(world, "www.example.com", source="10.9.1.1")) == ["192.0.2.1"]


def test_an_answer_too_long_for_udp_is_cut_and_says_so(world: Any, zone: Any) -> None:
    for number in range(40):
        zone("many", "A", f"192.0.2.{number}")
    cut = ask(world, "many.example.com")
    assert (cut.header.tc, cut.rr) == (1, [])
    whole = world.cloud.dns.answer(bytes(DNSRecord.question("many.example.com").pack()), "192.0.2.1", limit=None)
    assert len(DNSRecord.parse(whole).rr) == 40


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 5, b"\x12\x34" + b"\xff" * 60, b"\0" * 12, b"\x12\x34\x01\0\0\1" + b"\0" * 6]
)
def test_malformed_queries_end_in_an_error_or_in_silence(world: Any, data: bytes) -> None:
    response = world.cloud.dns.answer(data, "192.0.2.1", limit=512)
    assert response is None or DNSRecord.parse(response).header.rcode == RCODE.FORMERR


def test_random_queries_never_end_in_an_exception(world: Any, zone: Any) -> None:
    zone("*", "TXT", "x" * 300)
    generator = random.Random(1)  # noqa: S311 (chooses test data)
    good = bytes(DNSRecord.question("www.example.com", "TXT").pack())
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(generator.randrange(1, 6)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        world.cloud.dns.answer(bytes(data[: generator.randrange(4, len(data) + 1)]), "192.0.2.1", limit=512)


async def test_udp_and_tcp_give_the_same_answer(world: Any, zone: Any) -> None:
    zone("www", "A", "192.0.2.7")
    await world.cloud.dns.start("127.0.0.1", 0)
    try:
        port = world.cloud.dns.port
        query = bytes(DNSRecord.question("www.example.com").pack())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(struct.pack("!H", len(query)) + query)
        size = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), 5))[0]
        by_tcp = DNSRecord.parse(await reader.readexactly(size))
        writer.close()
        await writer.wait_closed()
        by_udp = DNSRecord.parse(
            await asyncio.to_thread(DNSRecord.question("www.example.com").send, "127.0.0.1", port, False, 5)
        )
        assert values(by_tcp) == values(by_udp) == ["192.0.2.7"]
    finally:
        await world.cloud.dns.stop()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Type": "A", "Value": "300.1.1.1"}, "DomainRecordValueInvalid"),
        ({"Type": "A", "Value": "192.0.2.7"}, "DomainRecordDuplicate"),
        ({"Type": "CNAME", "Value": "a.example.com"}, "DomainRecordConflict"),
        ({"Type": "PTR", "Value": "a"}, "InvalidParameter.Type"),
        ({"Type": "A", "Value": "192.0.2.8", "TTL": "0"}, "InvalidParameter.TTL"),
        ({"Type": "A", "Value": "192.0.2.8", "RR": "a..b"}, "InvalidParameter.RR"),
        ({"Type": "A", "Value": "192.0.2.8", "DomainName": "example.org"}, "InvalidDomainName.NoExist"),
    ],
)
def test_a_record_that_cannot_be_is_refused(world: Any, zone: Any, parameters: dict[str, str], code: str) -> None:
    zone("www", "A", "192.0.2.7")
    reply = world.rpc.send("Alidns", "AddDomainRecord", **{"DomainName": "example.com", "RR": "www", **parameters})
    assert reply.code == code


def test_records_are_changed_listed_and_deleted(world: Any, zone: Any) -> None:
    record = zone("www", "A", "192.0.2.7")
    world.rpc("Alidns", "UpdateDomainRecord", RecordId=record, RR="www", Type="A", Value="192.0.2.8", TTL="30")
    found = world.rpc("Alidns", "DescribeDomainRecords", DomainName="example.com")["DomainRecords"]["Record"]
    assert [(item["Value"], item["TTL"], item["Status"]) for item in found] == [("192.0.2.8", 30, "ENABLE")]
    world.rpc("Alidns", "DeleteDomainRecord", RecordId=record)
    reply = world.rpc.send("Alidns", "DescribeDomainRecordInfo", RecordId=record)
    assert reply.code == "DomainRecordNotBelongToUser"


def test_a_deleted_zone_takes_its_records_along(world: Any, zone: Any) -> None:
    zone("www", "A", "192.0.2.7")
    world.rpc("Alidns", "DeleteDomain", DomainName="example.com")
    assert ask(world, "www.example.com").header.rcode == RCODE.REFUSED
    assert world.rpc.send("Alidns", "DescribeDomainInfo", DomainName="example.com").code == "InvalidDomainName.NoExist"
