"""A real server with object storage alone, and buckets of it as the controllers open them."""

from __future__ import annotations

from collections.abc import Callable

import alibabacloud_oss_v2 as oss
import oss2
import pytest

from controllers.buckets import Bucket
from tests.unit.sandbox.cloud.oss.conftest import REGION, Server, clock, server, start

__all__ = ["clock", "server", "start"]  # fixtures
MakeBucket = Callable[[str], Bucket]


@pytest.fixture
def make_bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> MakeBucket:
    """Make a versioned bucket, as all of a business's are, and open it."""
    root = server.accounts.root
    monkeypatch.setenv("OSS_ENDPOINT", server.url)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", root.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", root.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    load = oss.config.load_default

    def configuration() -> oss.config.Config:
        made = load()
        made.http_client = server.second_session  # closed with the server
        return made

    monkeypatch.setattr(oss.config, "load_default", configuration)

    def make(name: str) -> Bucket:
        made = server.bucket(name)
        made.create_bucket()
        made.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
        return Bucket(name, "", REGION)

    return make
