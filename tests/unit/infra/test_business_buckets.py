"""Where a business's data lies, who reaches it, and for how long it is kept.

Not covered here: whether providers and clouds accept what is registered; that is what tests/sandbox/ does for real.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from infra.program import deploy
from tests.unit.infra.stacks import HANGZHOU, OTHER, qa_but, settings


def test_a_role_reaches_buckets_of_its_business_and_region_only_and_cannot_erase_history(
    qa: object, region: str
) -> None:
    policies = qa.of("ram/policy:Policy")
    # Those are for DNS records, and for the lease in the other region's bucket.
    elsewhere = ("-traffic-zone", "-training-lease")
    of_buckets = [policy for policy in policies if not policy.name.endswith(elsewhere)]
    assert of_buckets
    for policy in of_buckets:
        for statement in json.loads(policy.inputs["policyDocument"])["Statement"]:
            for resource in statement["Resource"]:
                assert resource.split(":")[-1].startswith(f"example-qa-{region}-")
            if "oss:DeleteObjectVersion" in statement["Action"]:
                assert statement["Resource"] == [f"acs:oss:*:*:example-qa-{region}-backups/{region}/scratch/*"]
            assert not any("*" in action for action in statement["Action"])
    attached = {item.inputs["policyName"] for item in qa.of(":RolePolicyAttachment")}
    assert attached == {policy.inputs["policyName"] for policy in policies}


def test_the_buckets_are_versioned_encrypted_private_logged_and_kept(qa: object, region: str) -> None:
    buckets = [item for item in qa.of("oss/bucket:Bucket") if item.custom]
    assert sorted(item.inputs["bucket"] for item in buckets) == [
        f"example-qa-{region}-{kind}" for kind in ("backups", "data", "models")
    ]
    for bucket in buckets:
        assert bucket.protect
        assert bucket.inputs["versioning"] == {"status": "Enabled"}
        assert bucket.inputs["serverSideEncryptionRule"] == {"sseAlgorithm": "AES256"}
        assert not bucket.inputs["forceDestroy"]
        assert bucket.inputs["logging"] == {
            "targetBucket": f"example-{region}-access-logs",
            "targetPrefix": f"{bucket.inputs['bucket']}/",
        }
    shut = qa.of(":BucketPublicAccessBlock")
    assert len(shut) == 3
    assert all(item.inputs["blockPublicAccess"] is True for item in shut)


def test_nobody_reaches_a_bucket_without_tls(qa: object) -> None:
    for bucket in qa.of("oss/bucket:Bucket"):
        name = bucket.inputs["bucket"]
        (statement,) = json.loads(bucket.inputs["policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", ["*"], ["oss:*"])
        assert statement["Condition"] == {"Bool": {"acs:SecureTransport": ["false"]}}
        assert statement["Resource"] == [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"]


def test_old_versions_move_then_expire_and_unfinished_uploads_go(qa: object) -> None:
    (rule,) = qa.one("oss/bucket:Bucket", "-data-bucket").inputs["lifecycleRules"]
    assert rule["noncurrentVersionTransitions"] == [{"storageClass": "IA", "days": 30}]
    assert rule["noncurrentVersionExpirations"] == [{"days": 90}]
    assert rule["abortMultipartUploads"] == [{"days": 3}]
    assert "days" not in rule["expirations"][0], "a current object must never expire"


def test_backups_grow_cheaper_with_age_and_never_expire_by_age(qa: object) -> None:
    (rule,) = qa.one("oss/bucket:Bucket", "-backups-bucket").inputs["lifecycleRules"]
    assert rule["transitions"] == [{"storageClass": "IA", "days": 30}, {"storageClass": "Archive", "days": 180}]
    assert "days" not in rule["expirations"][0]


def test_each_bucket_is_copied_to_the_paired_regions_bucket_of_its_kind(qa: object, region: str) -> None:
    copies = {item.inputs["bucket"]: item.inputs for item in qa.of(":BucketReplication")}
    assert len(copies) == 3
    for source, copy in copies.items():
        other = OTHER[region]
        assert copy["destination"] == {
            "bucket": source.replace(region, other),
            "location": f"oss-{other}",
            "transferType": "internal",
        }
        # A deletion in one region must not take a model of the other with it. A backup is deleted when it is old.
        assert copy["action"] == ("PUT" if source.endswith("-models") else "ALL")


def test_of_backups_the_other_region_gets_what_a_restore_needs_below_the_regions_own_name(
    qa: object, region: str
) -> None:
    copies = {item.inputs["bucket"]: item.inputs.get("prefixSet") for item in qa.of(":BucketReplication")}
    assert [prefixes for bucket, prefixes in copies.items() if not bucket.endswith("-backups")] == [None, None]
    assert copies[f"example-qa-{region}-backups"] == {
        "prefixes": [f"{region}/content/", f"{region}/backups/", f"{region}/status.json"]
    }


def test_a_business_of_one_region_has_no_copies(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    run = run_program(lambda: deploy(qa_but(regions=business.regions[:1])))
    assert run.of(":BucketReplication") == []
    assert run.exports["regions"].keys() == {HANGZHOU}


def test_protection_can_be_lifted_in_the_stack_file(run_program: Callable) -> None:
    business = settings("qa").business
    assert business is not None
    protection = business.protection.model_copy(update={"data": False})
    buckets = run_program(lambda: deploy(qa_but(protection=protection))).of("oss/bucket:Bucket")
    assert [bucket.protect for bucket in buckets] == [False] * 6
