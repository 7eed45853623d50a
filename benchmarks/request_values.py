"""Values that parameters, JSON bodies and XML documents are filled with: plausible, extreme, and of the wrong kind."""

from __future__ import annotations

import random
import re
from typing import Any

TEXTS = [
    "",
    " ",
    "0",
    "1",
    "-1",
    "999999999999999999999",
    "1e400",
    "NaN",
    "true",
    "\u0661\u0662",
    "\u00b2",
    "9" * 5000,
    "[]",
    "[1]",
    "[[]]",
    "{}",
    "null",
    '{"a": {"a": {"a": []}}}',
    "[" * 3000,
    '[{"Key": null}]',
    '{"Version": "1", "Statement": "x"}',
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Principal": {"RAM": 1}, "Action": 5, "Resource": {}}]}',
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": [1]}]}',
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["*"]}}]}',
    "a" * 5000,
    "\u4e2d\u6587\n\x00",
    "\U0001f600",
    "\x7f\x1b[31m",
    "<a>&amp;]]></a>",
    "%s%n%00",
    "10.0.0.0/8",
    "10.0.0.0/33",
    "::/0",
    "192.0.2.1",
    "2026-01-02T03:04:05Z",
    "0000-00-00T00:00:00Z",
    "acs:ram::1:role/x",
    "../../etc/passwd",
    "' OR 1=1 --",
    "cn-hangzhou",
    "cn-hangzhou-h",
    "example.com",
    "Active",
    "System",
    "A",
]

JSON_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**400,
    "",
    "x" * 3000,
    "\x00",
    "\ud800",
    "cn-hangzhou",
    [],
    [None],
    [[]],
    [{}],
    [1, "a", {}],
    {},
    {"a": 1},
    {"": ""},
    {"key": "a"},
    {"name": "n"},
    {"a": {"a": {"a": {"a": []}}}},
]

_FIELDS = """
    name key value effect labels taints instance_types vswitch_ids desired_size enable min_instances max_instances
    enabled version config type id tags security_group_ids system_disk_size runtime auto_scaling scaling_group
"""
FIELDS = _FIELDS.split()

XML_DOCUMENTS = [
    "<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>",
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "<LifecycleConfiguration><Rule><ID>a</ID><Prefix>b/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days>"
    "</Expiration></Rule></LifecycleConfiguration>",
    "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
    "</CORSConfiguration>",
    "<BucketLoggingStatus><LoggingEnabled><TargetBucket>fuzz-a</TargetBucket><TargetPrefix>l</TargetPrefix>"
    "</LoggingEnabled></BucketLoggingStatus>",
    "<ServerSideEncryptionRule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault></ServerSideEncryptionRule>",
    "<ReplicationConfiguration><Rule><PrefixSet><Prefix>a</Prefix></PrefixSet><Action>ALL</Action><Destination>"
    "<Bucket>fuzz-b</Bucket><Location>oss-cn-beijing</Location></Destination></Rule></ReplicationConfiguration>",
    "<Delete><Quiet>false</Quiet><Object><Key>a.txt</Key></Object></Delete>",
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part></CompleteMultipartUpload>',
    "<PublicAccessBlockConfiguration><BlockPublicAccess>true</BlockPublicAccess></PublicAccessBlockConfiguration>",
    "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer><RefererList><Referer>a</Referer></RefererList>"
    "</RefererConfiguration>",
    "<RestoreRequest><Days>1</Days></RestoreRequest>",
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><Tagging>&y;</Tagging>',
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Principal": ["*"], "Action": ["oss:GetObject"], "Resource": '
    '["acs:oss:*:*:fuzz-a/*"]}]}',
]


def nested(generator: random.Random) -> Any:
    """A JSON value, half the time an object of plausible fields with values that do not fit."""
    if generator.random() < 0.5:
        return {name: generator.choice(JSON_VALUES) for name in FIELDS if generator.random() < 0.3}
    return generator.choice(JSON_VALUES)


def garbled_xml(document: str, generator: random.Random) -> str:
    """A document with one of its texts replaced, one of its tags taken out, or a part repeated; sometimes as it is."""
    kind = generator.randrange(5)
    if kind == 0:
        return document
    if kind == 1:
        texts = [match.span(1) for match in re.finditer(r">([^<>]+)<", document)]
        if texts:
            start, end = generator.choice(texts)
            return document[:start] + generator.choice(TEXTS) + document[end:]
    if kind == 2:
        tags = [match.span() for match in re.finditer(r"<[^>]+>", document)]
        if tags:
            start, end = generator.choice(tags)
            return document[:start] + document[end:]
    if kind == 3:
        pairs = re.findall(r"<(\w+)>", document)
        if pairs:
            return document.replace(f"</{generator.choice(pairs)}>", "<x></x>" * generator.randrange(1, 50) + "</x>")
    start = generator.randrange(len(document))
    return document[:start] + generator.choice(TEXTS) + document[start:]
