"""What a person reads at the end of a deployment, and of a running cloud."""

from __future__ import annotations

from sandbox.report import render, render_call, render_fault, render_status
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


def test_a_fault_says_what_it_strikes_how_and_how_often_it_did() -> None:
    fault = {"name": "f", "service": "Vpc", "action": "Create*", "region": "*", "seed": 7, "reset": False}
    fault |= {"probability": 0.3, "count": 2, "latency_milliseconds": 250, "error": {"code": "Throttling"}}
    assert render_fault(fault | {"matched": 9, "struck": 2, "spent": True}) == (
        "f: Vpc.Create* in *: error Throttling, latency 250 ms, probability 0.3 (seed 7), at most 2 times; "
        "struck 2 of 9, spent"
    )


def test_a_call_that_was_cut_says_so_with_its_fault() -> None:
    call = {"time": "T", "region": "cn-hangzhou", "service": "OSS", "action": "GetObject", "status": 0}
    call |= {"milliseconds": 0.5, "code": "ConnectionReset", "message": "", "faults": ["f"], "ignored": []}
    assert render_call(call) == "T  cn-hangzhou  OSS.GetObject  cut  0.5 ms  ConnectionReset  [fault f]"
