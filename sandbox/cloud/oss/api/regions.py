"""DescribeRegions: where buckets may be."""

from __future__ import annotations

from aiohttp import web

from sandbox.cloud.oss import xml
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.errors import OssError

REGIONS = (
    "cn-hangzhou",
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-zhangjiakou",
    "cn-chengdu",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-northeast-1",
    "eu-central-1",
    "us-west-1",
    "us-east-1",
)


async def describe_regions(call: Call) -> web.StreamResponse:
    """All regions, or the one that `regions` names."""
    wanted = call.target.get("regions").removeprefix("oss-")
    if wanted and wanted not in REGIONS:
        raise OssError("InvalidArgument", f"There is no region {wanted}.")
    parts = [
        xml.wrap(
            "RegionInfo",
            [
                xml.tag("Region", f"oss-{name}"),
                xml.tag("InternetEndpoint", f"oss-{name}.aliyuncs.com"),
                xml.tag("InternalEndpoint", f"oss-{name}-internal.aliyuncs.com"),
                xml.tag("AccelerateEndpoint", "oss-accelerate.aliyuncs.com"),
            ],
        )
        for name in REGIONS
        if not wanted or name == wanted
    ]
    return call.answer("RegionInfoList", *parts)
