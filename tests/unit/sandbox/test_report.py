"""What a person reads at the end of a deployment, and of a running cloud."""

from __future__ import annotations

from sandbox.report import render, render_status
from sandbox.settings import SandboxSettings


def test_the_report_names_model_evaluation_dns_name_and_logs(settings: SandboxSettings) -> None:
    places = {
        "models": "oss://a-bucket/models/",
        "dns_name": "qa.example.com",
        "entry_address": "192.0.2.1",
        "namespace": "qa",
    }
    model = {"version": "v1", "perplexity": {"network": 209.94, "unigram": 620.6}}
    result = {
        "outputs": {"dns_name": "qa.example.com", "regions": {"cn-hangzhou": places}},
        "models": {"cn-hangzhou": model},
    }
    text = render(result, settings, "qa")
    assert "oss://a-bucket/models/v1/evaluation.md" in text
    assert "network 209.9, unigram 620.6" in text
    assert "qa.example.com -> 192.0.2.1" in text
    assert "python -m sandbox logs qa" in text


def test_the_status_names_clusters_nodes_and_failed_calls() -> None:
    status = {
        "resources": {"vpc": 1, "node": 2},
        "services": {
            "CS": {
                "clusters": [{"name": "one", "region": "cn-hangzhou", "state": "failed", "reason": "no memory"}],
                "nodes": {"n1": "Ready"},
            },
            "Alidns": {"zones": {"example.com": 3}},
        },
        "last_errors": [
            {"time": "T", "service": "Vpc", "action": "Fly", "code": "InvalidAction.NotFound", "message": "unknown"}
        ],
    }
    assert render_status(status).splitlines() == [
        "cluster: one in cn-hangzhou: failed no memory",
        "node: n1: Ready",
        "resources: node 2, vpc 1",
        "zone: example.com: 3 records",
        "error: T Vpc.Fly: InvalidAction.NotFound: unknown",
    ]


def test_the_status_of_an_empty_cloud_is_one_line() -> None:
    assert render_status({}) == "resources: none"
