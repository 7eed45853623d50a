"""Which of a namespace's objects are copied, and in what form."""

from __future__ import annotations

import json
from typing import Any

from lightkube.core.resource import api_info

from controllers.backup.objects import KINDS, documents
from controllers.config.backup import BACKUP_RULES


def test_objects_are_what_somebody_made_without_what_a_cluster_assigns() -> None:
    def lister(kind: Any) -> list[dict[str, Any]]:
        name = api_info(kind).resource.kind
        if name == "ConfigMap":
            return [
                {"metadata": {"name": "kube-root-ca.crt"}, "data": {}},
                {
                    "metadata": {"name": "settings", "uid": "1", "namespace": "qa", "labels": {"a": "b"}},
                    "data": {"x": "1"},
                },
            ]
        if name == "Service":
            return [
                {"metadata": {"name": "serving"}, "spec": {"clusterIP": "10.96.0.7", "ports": []}, "status": {}},
                {"metadata": {"name": "headless"}, "spec": {"clusterIP": "None"}},
            ]
        return [{"metadata": {"name": "owned", "ownerReferences": [{"name": "job"}]}}]

    found = {key: json.loads(data) for key, data in documents(lister)}
    assert found == {
        "01-configmaps/settings.json": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "labels": {"a": "b"}},
            "data": {"x": "1"},
        },
        "02-services/serving.json": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "serving"},
            "spec": {"ports": []},
        },
        "02-services/headless.json": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "headless"},
            "spec": {"clusterIP": "None"},
        },
    }


def test_the_role_allows_exactly_the_kinds_that_are_copied_and_no_secrets() -> None:
    allowed = {(group, resource) for rule in BACKUP_RULES for group in rule.api_groups for resource in rule.resources}
    infos = [api_info(kind) for kind in KINDS]
    copied = {(info.resource.api_version.rpartition("/")[0], info.plural) for info in infos}
    assert allowed == copied
    assert ("", "secrets") not in allowed
    assert {rule.verbs for rule in BACKUP_RULES} == {("list",)}
