"""What the qa stack puts into Kubernetes in its first region, as one reviewed file: tests/golden/qa.yaml.

A change here is a change of running clusters. When it is meant: `UPDATE_GOLDEN=1 python -m pytest tests/unit/infra`.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from trainer.config import TrainingJob

REPOSITORY = Path(__file__).resolve().parents[3]
GOLDEN = REPOSITORY / "tests" / "golden" / "qa.yaml"


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.Dumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


FIRST = "cn-hangzhou"


def rendered(run: object) -> str:
    objects = [item for item in run.registrations if item.type.startswith("kubernetes:")]
    documents = [
        {"apiVersion": item.inputs["apiVersion"], "kind": item.inputs["kind"], **item.inputs} for item in objects
    ]
    documents.sort(key=lambda document: (document["kind"], document["metadata"]["name"]))
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, width=120, allow_unicode=True)


def test_the_kubernetes_objects_of_the_qa_stack_are_those_that_were_reviewed(stack: object) -> None:
    text = rendered(stack.within(FIRST))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "meant? UPDATE_GOLDEN=1 python -m pytest tests/unit/infra"


def test_the_trainer_can_read_the_settings_that_are_mounted(stack: object) -> None:
    run = stack.within(FIRST)
    job = TrainingJob.model_validate_json(run.one(":ConfigMap", "hangzhou-settings").inputs["data"]["training.json"])
    assert (job.business, job.namespace, job.region) == ("qa", "qa", "cn-hangzhou")
    assert job.bucket == run.one("oss/bucket:Bucket", "-data-bucket").inputs["bucket"]
    assert job.cluster.service_account == run.one(":ServiceAccount", "-training-account").inputs["metadata"]["name"]
