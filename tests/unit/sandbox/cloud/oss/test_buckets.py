"""Buckets and their configurations, through both SDKs."""

from __future__ import annotations

import json

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest


def test_a_bucket_is_made_described_listed_and_deleted(server, bucket: oss2.Bucket) -> None:
    info = bucket.get_bucket_info()
    assert (info.name, info.location, info.storage_class) == ("test-bucket", "oss-cn-hangzhou", "Standard")
    assert (info.extranet_endpoint, info.acl.grant) == ("oss-cn-hangzhou.aliyuncs.com", "private")
    assert info.owner.id == server.accounts.account_id
    assert bucket.get_bucket_location().location == "oss-cn-hangzhou"
    client = server.client()
    assert [one.name for one in client.list_buckets(oss_v2.ListBucketsRequest()).buckets] == ["test-bucket"]
    assert client.is_bucket_exist("test-bucket")
    bucket.delete_bucket()
    assert not client.is_bucket_exist("test-bucket")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket.get_bucket_info()


def test_buckets_are_listed_in_pages_and_by_prefix(server) -> None:
    for name in ("qa-data", "qa-models", "textgen-data"):
        server.bucket(name).create_bucket()
    client = server.client()
    paginator = client.list_buckets_paginator()
    pages = list(paginator.iter_page(oss_v2.ListBucketsRequest(max_keys=2)))
    assert [[one.name for one in page.buckets] for page in pages] == [["qa-data", "qa-models"], ["textgen-data"]]
    found = client.list_buckets(oss_v2.ListBucketsRequest(prefix="qa-")).buckets
    assert [one.name for one in found] == ["qa-data", "qa-models"]


def test_the_region_comes_from_the_signature(server) -> None:
    shanghai = server.bucket("in-shanghai", region="cn-shanghai")
    shanghai.create_bucket()
    assert shanghai.get_bucket_info().location == "oss-cn-shanghai"


def test_the_host_name_addresses_bucket_and_region(server, bucket: oss2.Bucket) -> None:
    bucket.put_object("object", b"x")
    bucket.put_object_acl("object", "public-read")
    right = {"Host": "test-bucket.oss-cn-hangzhou-internal.aliyuncs.com"}
    assert httpx.get(f"{server.url}/object", headers=right).content == b"x"
    wrong = {"Host": "test-bucket.oss-cn-beijing.aliyuncs.com"}
    answer = httpx.get(f"{server.url}/object", headers=wrong)
    assert answer.status_code == 403
    assert "<Endpoint>oss-cn-hangzhou.aliyuncs.com</Endpoint>" in answer.text


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "-dash", "x" * 64])
def test_names_that_no_bucket_may_have(server, name: str) -> None:
    with pytest.raises(oss_v2.exceptions.OperationError) as refused:
        server.client(disable_bucket_name_validation=True).put_bucket(oss_v2.PutBucketRequest(bucket=name))
    assert "InvalidBucketName" in str(refused.value) or "Bucket name is invalid" in str(refused.value)


def test_a_bucket_with_objects_versions_or_uploads_is_not_deleted(bucket: oss2.Bucket) -> None:
    upload = bucket.init_multipart_upload("object").upload_id
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()
    bucket.abort_multipart_upload("object", upload)
    bucket.put_object("object", b"x")
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()
    bucket.delete_object("object")
    bucket.delete_bucket()


def test_creating_ones_own_bucket_again_changes_only_its_acl(bucket: oss2.Bucket) -> None:
    bucket.put_object("object", b"x")
    bucket.create_bucket("public-read")
    assert bucket.get_bucket_acl().acl == "public-read"
    assert bucket.get_object("object").read() == b"x"


def test_statistics(bucket: oss2.Bucket) -> None:
    bucket.put_object("one", b"12345")
    bucket.put_object("two", b"123", headers={"x-oss-storage-class": "IA"})
    stat = bucket.get_bucket_stat()
    assert (stat.storage_size_in_bytes, stat.object_count, stat.infrequent_access_storage) == (8, 2, 3)


def test_configurations_that_were_never_set_answer_with_their_own_codes(bucket: oss2.Bucket) -> None:
    for read, code in (
        (bucket.get_bucket_lifecycle, "NoSuchLifecycle"),
        (bucket.get_bucket_encryption, "NoSuchServerSideEncryptionRule"),
        (bucket.get_bucket_cors, "NoSuchCORSConfiguration"),
        (bucket.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (bucket.get_bucket_policy, "NoSuchBucketPolicy"),
        (bucket.get_bucket_replication, "NoSuchReplicationConfiguration"),
        (bucket.get_bucket_worm, "NoSuchWORMConfiguration"),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            read()
        assert (refused.value.status, refused.value.code) == (404, code)
    assert bucket.get_bucket_versioning().status is None
    assert bucket.get_bucket_logging().target_bucket == ""
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {}
    assert bucket.get_bucket_referer().allow_empty_referer is True
    assert bucket.get_bucket_request_payment().payer == "BucketOwner"
    assert bucket.get_bucket_access_monitor().access_monitor.status == "Disabled"


def test_configurations_are_kept_over_a_restart(start) -> None:
    bucket = start().bucket("test-bucket")
    bucket.create_bucket()
    rule = oss2.models.ServerSideEncryptionRule("KMS", "key-1")
    bucket.put_bucket_encryption(rule)
    tags = oss2.models.TaggingRule()
    tags.add("business", "qa <&>")
    bucket.put_bucket_tagging(oss2.models.Tagging(tags))
    bucket.put_bucket_logging(oss2.models.BucketLogging("test-bucket", "logs/"))
    bucket = start().bucket("test-bucket")
    stored = bucket.get_bucket_encryption()
    assert (stored.sse_algorithm, stored.kms_master_keyid) == ("KMS", "key-1")
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {"business": "qa <&>"}
    assert bucket.get_bucket_logging().target_prefix == "logs/"
    assert bucket.get_bucket_info().bucket_encryption_rule.sse_algorithm == "KMS"
    bucket.delete_bucket_encryption()
    assert bucket.get_bucket_info().bucket_encryption_rule.sse_algorithm is None  # the SDK's reading of "None"


def test_objects_take_the_buckets_encryption(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_encryption(oss2.models.ServerSideEncryptionRule("AES256"))
    assert bucket.put_object("object", b"x").headers["x-oss-server-side-encryption"] == "AES256"
    assert bucket.head_object("object").headers["x-oss-server-side-encryption"] == "AES256"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("object", b"x", headers={"x-oss-server-side-encryption": "ROT13"})
    assert refused.value.code == "InvalidEncryptionAlgorithmError"


def test_wrong_documents_are_refused(server, bucket: oss2.Bucket) -> None:
    for parameter, body in (
        ("versioning", "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>"),
        ("versioning", "<Other/>"),
        ("encryption", "<ServerSideEncryptionRule>"),
        ("tagging", '<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>'),
        ("publicAccessBlock", "<PublicAccessBlockConfiguration/>"),
        ("versioning", ""),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket._do("PUT", "test-bucket", "", data=body, params={parameter: ""})
        assert (refused.value.status, refused.value.code) == (400, "MalformedXML")


def test_an_unknown_sub_resource_is_named(bucket: oss2.Bucket, caplog: pytest.LogCaptureFixture) -> None:
    for method, parameter in (("GET", "metaQuery"), ("PUT", "inventory"), ("POST", "nonsense")):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket._do(method, "test-bucket", "", params={parameter: ""})
        assert (refused.value.status, refused.value.code) == (501, "NotImplemented")
        assert parameter in refused.value.message
        assert parameter in caplog.text


def test_a_policy_is_stored_as_it_came(bucket: oss2.Bucket) -> None:
    statement = {"Effect": "Deny", "Principal": ["*"], "Action": "oss:*", "Resource": ["acs:oss:*:*:test-bucket/*"]}
    text = json.dumps({"Version": "1", "Statement": [statement]})
    bucket.put_bucket_policy(text)
    assert bucket.get_bucket_policy().policy == text
    bucket.delete_bucket_policy()
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.get_bucket_policy()
    for wrong in ("{", "[]", '{"Version": "1", "Statement": [{"Effect": "Allow"}]}', text.replace("test-bucket", "x")):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket.put_bucket_policy(wrong)
        assert refused.value.code == "InvalidPolicyDocument"


def test_replication_rules_are_kept(server, bucket: oss2.Bucket) -> None:
    server.bucket("copy-bucket", region="cn-shanghai").create_bucket()
    rule = oss2.models.ReplicationRule(
        rule_id="rule", target_bucket_name="copy-bucket", target_bucket_location="oss-cn-shanghai"
    )
    bucket.put_bucket_replication(rule)
    found = bucket.get_bucket_replication().rule_list
    assert [(one.rule_id, one.target_bucket_name) for one in found] == [("rule", "copy-bucket")]
    assert "oss-cn-shanghai" in bucket.get_bucket_replication_location().location_list
    assert bucket.get_bucket_replication_progress("rule").progress.rule_id == "rule"
    bucket.delete_bucket_replication("rule")
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.get_bucket_replication()


def test_regions_are_described(server) -> None:
    found = server.client().describe_regions(oss_v2.DescribeRegionsRequest(regions="oss-cn-hangzhou"))
    assert [one.region for one in found.region_info] == ["oss-cn-hangzhou"]
