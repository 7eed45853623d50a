"""DescribeRegions: where buckets may be."""

from __future__ import annotations

from aiohttp import web

from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.oss import xml
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.errors import OssError


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
